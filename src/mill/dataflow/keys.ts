/**
 * Keys of state: a text or number for some of a row's values.
 *
 * Two rows get the same key exactly when SQL calls the values equal for GROUP BY: NULL equals NULL and
 * nothing else, NaN equals NaN, 0 equals -0, 1.0 equals 1.00, a month equals 30 days; json is compared as
 * it is written. An *exact* key also tells values apart that are equal but print otherwise (1.0, 1.00): it
 * names a row of a multiset, so that the copy that is taken back is the one that was added.
 *
 * One number or text is its own key (its NULL is a key of the other JavaScript type, so that nothing
 * mixes). Several values are one text: numbers end with `;`, texts begin with their length.
 */
import { canonicalText } from '../../sql/canonical.js';
import type { Decimal } from '../../sql/decimal.js';
import type { Expression, SqlType } from '../../sql/plan.js';
import type { Interval, Value } from '../../sql/value.js';
import type { Row } from './operator.js';
import { RowSource } from './row-source.js';
import type { Key } from './state-table.js';

const DAY_MS = 86_400_000;

/** Types whose values are always one JavaScript number, which is a key as it is. */
export const PLAIN_NUMBERS: ReadonlySet<string> = new Set([
  'smallint',
  'integer',
  'real',
  'double precision',
  'timestamptz',
  'timestamp',
  'date',
  'time',
]);
/** Types held as texts, which are keys as they are. */
const TEXTS: ReadonlySet<string> = new Set(['text', 'uuid', 'json', 'jsonb']);

/** What a key is made of: an expression, or a field's position. */
export type KeyPart = Expression | number;

/** How keys tell values apart. */
export interface KeyOptions {
  /** Values that are equal but print otherwise are different. Default false. */
  readonly isExact?: boolean;
}

/**
 * The function from a row to its key. `types`: of the parts. No part: one key for all rows.
 * It throws SQL_RUNTIME where an expression does.
 */
export function keyFunction(
  parts: readonly KeyPart[],
  types: readonly SqlType[],
  options: KeyOptions = {},
): (row: Row) => Key {
  const source = new RowSource();
  const { prelude, value } = printKey(source, parts, types, options);
  return source.build(['row'], `${source.declarations()}\n${prelude}return ${value};`);
}

/** The key of a whole row; `isExact` as in `keyFunction`. */
export function wholeRowKey(types: readonly SqlType[], options: KeyOptions = {}): (row: Row) => Key {
  return keyFunction([...types.keys()], types, options);
}

/** Prints a key for a generated function over the row named `row`. */
export function printKey(
  source: RowSource,
  parts: readonly KeyPart[],
  types: readonly SqlType[],
  { isExact = false }: KeyOptions = {},
): { readonly prelude: string; readonly value: string } {
  let prelude = '';
  const values = parts.map((part) => {
    if (typeof part === 'number') return source.column(part);
    const printed = source.print(part);
    const name = source.fresh('k');
    prelude += `${printed.prelude}const ${name} = ${printed.value};\n`;
    return name;
  });
  if (values.length === 0) return { prelude, value: '0' };
  if (values.length === 1) return { prelude, value: printAlone(source, values[0]!, types[0]!, isExact) };
  const texts = values.map((value, i) => printPart(source, value, types[i]!, isExact, i === values.length - 1));
  return { prelude, value: texts.join(' + ') };
}

function printAlone(source: RowSource, value: string, type: SqlType, isExact: boolean): string {
  if (type === 'boolean') return `(${value} === null ? 2 : ${value} ? 1 : 0)`;
  if (isPlain(type, isExact)) return `(${value} === null ? 0 : ${value})`;
  if (type === 'bigint') return `(${value} === null ? '' : typeof ${value} === 'number' ? ${value} : String(${value}))`;
  if (PLAIN_NUMBERS.has(type)) {
    if (isExact) return `(${value} === null ? '' : Object.is(${value}, -0) ? '-0' : ${value})`;
    return `(${value} === null ? '' : ${value} + 0)`;
  }
  return `(${value} === null ? 0 : ${source.bind(textFunction(type, isExact), 'text')}(${value}))`;
}

function printPart(source: RowSource, value: string, type: SqlType, isExact: boolean, isLast: boolean): string {
  if (type === 'boolean' || type === 'bigint' || PLAIN_NUMBERS.has(type)) {
    const text =
      isExact && type !== 'boolean' && type !== 'bigint' ? `(Object.is(${value}, -0) ? '-0' : ${value})` : value;
    return `(${value} === null ? ';' : ${text} + ';')`;
  }
  const isText = isPlain(type, isExact);
  const text = isText ? value : `${source.bind(textFunction(type, isExact), 'text')}(${value})`;
  if (isLast) return `(${value} === null ? '' : '=' + ${text})`;
  if (isText) return `(${value} === null ? ':' : ${value}.length + ':' + ${value})`;
  return `(${value} === null ? ':' : ${source.bind(withLength, 'withLength')}(${text}))`;
}

/** Whether a value's text is its key. Equal documents may print otherwise: 1.0 is 1. */
function isPlain(type: SqlType, isExact: boolean): boolean {
  return TEXTS.has(type) && (isExact || type !== 'jsonb');
}

function withLength(text: string): string {
  return `${text.length}:${text}`;
}

/** The text of a type's non-null values that stands for them in keys. */
function textFunction(type: SqlType, isExact: boolean): (value: never) => string {
  if (type === 'numeric') return isExact ? exactDecimal : canonicalDecimal;
  if (type === 'interval') return isExact ? exactInterval : canonicalInterval;
  if (type === 'bytea') return bytesText;
  if (type === 'jsonb') return (document: string) => canonicalText(document, 'jsonb');
  const item = keyFunction([0], [type.slice(0, -2) as SqlType], { isExact });
  return (values: readonly Value[]) => JSON.stringify(values.map((value) => item([value])));
}

function exactDecimal({ units, scale }: Decimal): string {
  return `${units}e${scale}`;
}

function canonicalDecimal(value: Decimal): string {
  let { units, scale } = value;
  while (scale > 0 && units % 10n === 0n) {
    units /= 10n;
    scale--;
  }
  return `${units}e${scale}`;
}

function exactInterval({ months, days, ms }: Interval): string {
  return `${months} ${days} ${ms}`;
}

function canonicalInterval({ months, days, ms }: Interval): string {
  return String((months * 30 + days) * DAY_MS + ms);
}

function bytesText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}
