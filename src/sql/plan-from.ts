/** Binds FROM: one window function over one stream. */
import type { FuncCall, Node, SelectStmt } from 'libpg-query';
import { locationOf } from './tree.js';
import { bindError } from './context.js';
import type { Catalog, CatalogStream } from './context.js';
import { fixedLengthMs, parseInterval } from './interval.js';
import type { ViewStatement } from './parse.js';
import type { ViewPlan } from './plan.js';
import { refusal } from './refuse.js';
import type { RefusalName } from './refuse.js';
import { MillraceError } from '../util/errors.js';

/** What FROM says. */
export interface ViewSource {
  readonly stream: CatalogStream;
  readonly qualifiers: readonly string[];
  readonly window: ViewPlan['window'];
  /** Position of the event time in the schema. */
  readonly eventTime: number;
}

const LATER_WINDOWS: Readonly<Record<string, RefusalName>> = {
  hop: 'hop',
  session: 'session',
  cumulate: 'cumulate',
  stagger: 'stagger',
};
const SYNTAX = "Write TUMBLE(stream, event_time, INTERVAL '1 minute' [, offset]).";
/** Longest window: a year. */
const SIZE_MS_MAX = 366 * 86_400_000;

/** Binds FROM to the catalog. */
export function bindFrom(view: ViewStatement, select: SelectStmt, catalog: Catalog): ViewSource {
  const items = select.fromClause ?? [];
  const [item] = items;
  if (item === undefined) throw refusal(view, 'noWindow', locationOf(select.targetList?.[0]));
  if (items.length > 1 || 'JoinExpr' in item)
    throw refusal(view, 'join', locationOf(items[1] ?? item) ?? fromLocation(items[1] ?? item));
  if ('RangeSubselect' in item) throw refusal(view, 'subqueryFrom', fromLocation(item));
  if ('RangeVar' in item) {
    streamOf(view, item.RangeVar.relname!, catalog, item.RangeVar.location);
    throw refusal(view, 'noWindow', item.RangeVar.location);
  }
  const call = windowCall(view, item);
  const alias = 'RangeFunction' in item ? item.RangeFunction.alias?.aliasname : undefined;
  return bindWindow(view, call, alias, catalog);
}

function fromLocation(item: Node): number | undefined {
  if ('RangeVar' in item) return item.RangeVar.location;
  if ('JoinExpr' in item) return item.JoinExpr.larg === undefined ? undefined : fromLocation(item.JoinExpr.larg);
  if ('RangeFunction' in item) {
    const [list] = item.RangeFunction.functions ?? [];
    return list !== undefined && 'List' in list ? locationOf(list.List.items?.[0]) : undefined;
  }
  return undefined;
}

function windowCall(view: ViewStatement, item: Node): FuncCall {
  const [list] = 'RangeFunction' in item ? (item.RangeFunction.functions ?? []) : [];
  const [first] = list !== undefined && 'List' in list ? (list.List.items ?? []) : [];
  if (first === undefined || !('FuncCall' in first)) throw refusal(view, 'noWindow', locationOf(item));
  const last = first.FuncCall.funcname?.at(-1);
  const name = last !== undefined && 'String' in last ? last.String.sval! : '';
  const later = Object.hasOwn(LATER_WINDOWS, name) ? LATER_WINDOWS[name] : undefined;
  if (later !== undefined) throw refusal(view, later, first.FuncCall.location);
  if (name !== 'tumble') {
    throw bindError(
      view,
      'SQL_UNKNOWN_FUNCTION',
      `window function ${name} does not exist`,
      first.FuncCall.location,
      SYNTAX,
    );
  }
  return first.FuncCall;
}

function bindWindow(view: ViewStatement, call: FuncCall, alias: string | undefined, catalog: Catalog): ViewSource {
  const [streamNode, timeNode, sizeNode, offsetNode, extra] = call.args ?? [];
  if (sizeNode === undefined || extra !== undefined) {
    throw bindError(
      view,
      'SQL_TYPE',
      `TUMBLE takes 3 or 4 arguments, not ${call.args?.length ?? 0}`,
      call.location,
      SYNTAX,
    );
  }
  const stream = streamOf(view, nameOf(view, streamNode!), catalog, locationOf(streamNode));
  const eventTime = timeColumn(view, stream, nameOf(view, timeNode!), locationOf(timeNode));
  const sizeMs = lengthMs(view, sizeNode, 'The size of a window');
  if (!(sizeMs > 0) || sizeMs > SIZE_MS_MAX || !Number.isInteger(sizeMs)) {
    throw bindError(
      view,
      'SQL_TYPE',
      'the size of a window must be a whole number of ms, more than 0 and at most 366 days',
      locationOf(sizeNode),
      SYNTAX,
    );
  }
  const offsetMs = offsetNode === undefined ? 0 : lengthMs(view, offsetNode, "A window's offset");
  if (!Number.isInteger(offsetMs))
    throw bindError(view, 'SQL_TYPE', "a window's offset must be a whole number of ms", locationOf(offsetNode));
  return {
    stream,
    qualifiers: alias === undefined ? [stream.name, 'tumble'] : [alias],
    window: { kind: 'tumble', sizeMs, offsetMs: ((offsetMs % sizeMs) + sizeMs) % sizeMs },
    eventTime,
  };
}

function nameOf(view: ViewStatement, node: Node): string {
  const fields = 'ColumnRef' in node ? (node.ColumnRef.fields ?? []) : [];
  const last = fields.at(-1);
  if (fields.length > 1 || last === undefined || !('String' in last)) {
    throw bindError(
      view,
      'SQL_TYPE',
      'the first two arguments of TUMBLE are names: a stream and its time column',
      locationOf(node),
      SYNTAX,
    );
  }
  return last.String.sval!;
}

function streamOf(view: ViewStatement, name: string, catalog: Catalog, location: number | undefined): CatalogStream {
  const stream = catalog.get(name);
  if (stream !== undefined) return stream;
  throw bindError(
    view,
    'SQL_UNKNOWN_RELATION',
    `stream "${name}" does not exist`,
    location,
    `There are: ${[...catalog.keys()].join(', ') || 'none'}.`,
  );
}

function timeColumn(view: ViewStatement, stream: CatalogStream, name: string, location: number | undefined): number {
  const { columns } = stream.schema;
  const index = columns.findIndex((column) => column.name === name);
  if (index >= 0 && columns[index]!.type === 'timestamp') return index;
  const times = columns.filter((column) => column.type === 'timestamp').map((column) => column.name);
  const instead = `The time columns of ${stream.name} are: ${times.join(', ')}.`;
  if (index < 0) throw bindError(view, 'SQL_UNKNOWN_COLUMN', `column "${name}" does not exist`, location, instead);
  throw bindError(view, 'SQL_TYPE', `column "${name}" is not a timestamp`, location, instead);
}

function lengthMs(view: ViewStatement, node: Node, what: string): number {
  const arg = 'TypeCast' in node ? node.TypeCast.arg : node;
  const type = 'TypeCast' in node ? node.TypeCast.typeName?.names?.at(-1) : undefined;
  const constant = arg !== undefined && 'A_Const' in arg ? arg.A_Const.sval?.sval : undefined;
  const isInterval = type === undefined || ('String' in type && type.String.sval === 'interval');
  if (constant === undefined || !isInterval) {
    throw bindError(
      view,
      'SQL_TYPE',
      `${what} must be a constant interval`,
      locationOf(node),
      "Write INTERVAL '1 minute'.",
    );
  }
  const modifiers = 'TypeCast' in node ? (node.TypeCast.typeName?.typmods ?? []) : [];
  const [modifier] = modifiers;
  const bits = modifier !== undefined && 'A_Const' in modifier ? modifier.A_Const.ival?.ival : undefined;
  const field = bits === undefined ? undefined : UNIT_BITS[bits];
  if (modifiers.length > 0 && field === undefined) {
    throw bindError(
      view,
      'SQL_UNSUPPORTED',
      'this interval qualifier is not supported',
      locationOf(node),
      "Write the units in the text: INTERVAL '1 minute'.",
    );
  }
  try {
    const length = fixedLengthMs(parseInterval(constant, field));
    if (length !== undefined) return length;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw bindError(view, 'SQL_TYPE', error.message, locationOf(node), "Write INTERVAL '1 minute'.");
  }
  throw bindError(
    view,
    'SQL_UNSUPPORTED',
    `${what} cannot be in months or years: they differ in length`,
    locationOf(node),
    "Write days: INTERVAL '30 days'.",
  );
}

const UNIT_BITS: Readonly<Record<number, string>> = { 8: 'day', 1024: 'hour', 2048: 'minute', 4096: 'second' };
