/**
 * Binds OVER (…): partition, order and frame.
 */
import { stringField, type Fields } from './ast.js';
import { bindExpression, type Place } from './bind-expression.js';
import { bindOrder } from './bind-order.js';
import type { Binder } from './binder.js';
import { convert } from './coerce.js';
import type { Bound } from './tree.js';
import { isInteger, isTime, typeOf } from './types.js';

/** A bound window: expressions, and the text from them. */
export interface BoundFrame {
  readonly args: readonly Bound[];
  print(args: readonly string[]): string;
}

// PostgreSQL's FRAMEOPTION_ bits (parsenodes.h).
const NONDEFAULT = 0x1;
const RANGE = 0x2;
const ROWS = 0x4;
const GROUPS = 0x8;
const START_UNBOUNDED_PRECEDING = 0x20;
const END_UNBOUNDED_FOLLOWING = 0x100;
const START_CURRENT_ROW = 0x200;
const END_CURRENT_ROW = 0x400;
const START_OFFSET_PRECEDING = 0x800;
const END_OFFSET_PRECEDING = 0x1000;
const START_OFFSET_FOLLOWING = 0x2000;
const END_OFFSET_FOLLOWING = 0x4000;
const EXCLUSIONS = 0x8000 | 0x10000 | 0x20000;

/** Binds a WindowDef. */
export function bindFrame(binder: Binder, over: Fields, place: Place): BoundFrame {
  const name = stringField(over, 'name') || stringField(over, 'refname');
  const named = name === '' ? undefined : place.namedWindows?.get(name);
  if (name !== '' && named === undefined)
    return binder.statement.fail('SQL_UNSUPPORTED', `window "${name}" does not exist`, over);
  if (
    stringField(over, 'refname') !== '' &&
    (over['partitionClause'] !== undefined || over['orderClause'] !== undefined)
  )
    return binder.statement.refuse('adding to a named window', over);
  const definition = named ?? over;
  const partition = ((definition['partitionClause'] as unknown[] | undefined) ?? []).map((item) =>
    bindExpression(binder, item, place),
  );
  const order = bindOrder(binder, definition['orderClause'], place);
  const frame = frameOf(
    binder,
    definition,
    place,
    order.map((one) => one.expression),
  );
  const args = [...partition, ...order.map((one) => one.expression), ...frame.args];
  return {
    args,
    print(printed) {
      const parts: string[] = [];
      if (partition.length > 0) parts.push(`PARTITION BY ${printed.slice(0, partition.length).join(', ')}`);
      const ordered = order.map(
        ({ descending, nullsFirst }, index) =>
          `${printed[partition.length + index]} ${descending ? 'DESC' : 'ASC'} NULLS ${nullsFirst ? 'FIRST' : 'LAST'}`,
      );
      if (ordered.length > 0) parts.push(`ORDER BY ${ordered.join(', ')}`);
      const text = frame.print(printed.slice(partition.length + order.length));
      return text === '' ? parts.join(' ') : [...parts, text].join(' ');
    },
  };
}

function frameOf(binder: Binder, definition: Fields, place: Place, order: readonly Bound[]): BoundFrame {
  const options = Number(definition['frameOptions'] ?? 0);
  if ((options & NONDEFAULT) === 0) return { args: [], print: () => '' };
  if ((options & EXCLUSIONS) !== 0) return binder.statement.refuse('EXCLUDE in a frame', definition);
  const mode =
    (options & ROWS) !== 0 ? 'ROWS' : (options & GROUPS) !== 0 ? 'GROUPS' : (options & RANGE) !== 0 ? 'RANGE' : '';
  const bound = (field: string): Bound => {
    const value = bindExpression(binder, definition[field], place);
    if (mode === 'RANGE' && order.length === 1 && isTime(order[0]!.type)) return convert(value, typeOf('interval'));
    if (mode === 'RANGE')
      return order.length === 1
        ? convert(value, order[0]!.type)
        : binder.statement.refuse('RANGE with an offset over several columns', definition);
    return isInteger(value.type)
      ? value
      : binder.statement.fail('SQL_TYPE', 'a frame offset must be an integer', definition);
  };
  const args: Bound[] = [];
  const side = (field: string, offsetBits: number, preceding: number, fixed: string): ((args: string[]) => string) => {
    if ((options & offsetBits) === 0) return () => fixed;
    args.push(bound(field));
    return (rest) => `${rest.shift()} ${(options & preceding) !== 0 ? 'PRECEDING' : 'FOLLOWING'}`;
  };
  const startFixed =
    (options & START_UNBOUNDED_PRECEDING) !== 0
      ? 'UNBOUNDED PRECEDING'
      : (options & START_CURRENT_ROW) !== 0
        ? 'CURRENT ROW'
        : 'UNBOUNDED FOLLOWING';
  const endFixed =
    (options & END_UNBOUNDED_FOLLOWING) !== 0
      ? 'UNBOUNDED FOLLOWING'
      : (options & END_CURRENT_ROW) !== 0
        ? 'CURRENT ROW'
        : 'UNBOUNDED PRECEDING';
  const start = side(
    'startOffset',
    START_OFFSET_PRECEDING | START_OFFSET_FOLLOWING,
    START_OFFSET_PRECEDING,
    startFixed,
  );
  const end = side('endOffset', END_OFFSET_PRECEDING | END_OFFSET_FOLLOWING, END_OFFSET_PRECEDING, endFixed);
  return {
    args,
    print(printed) {
      const rest = [...printed];
      return `${mode} BETWEEN ${start(rest)} AND ${end(rest)}`;
    },
  };
}
