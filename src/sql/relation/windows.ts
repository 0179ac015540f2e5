/** `TUMBLE`, `HOP`, `CUMULATE`, `SESSION` and `STAGGER` in FROM. */
import type { FuncCall, Node } from 'libpg-query';
import { bindError } from '../context.js';
import type { Expression } from '../plan.js';
import { locationOf } from '../tree.js';
import { namedRelation } from './named.js';
import { lengthMs } from './lengths.js';
import { inner } from './query-context.js';
import type { QueryContext } from './query-context.js';
import type { Field, Relation, WindowSpec } from './relation.js';
import { lookUp, scopeOf, unknownColumn } from './scope.js';

/** How each is written. */
export const WINDOWS: Readonly<Record<string, string>> = {
  tumble: "TUMBLE(stream, event_time, INTERVAL '1 minute' [, offset])",
  hop: "HOP(stream, event_time, slide INTERVAL '1 minute', size INTERVAL '5 minutes' [, offset])",
  cumulate: "CUMULATE(stream, event_time, step INTERVAL '1 minute', size INTERVAL '1 hour' [, offset])",
  session: "SESSION(stream, event_time, gap INTERVAL '30 minutes' [, keys])",
  stagger: "STAGGER(stream, event_time, size INTERVAL '1 minute' [, keys])",
};

/** Longest window: a year. */
export const SIZE_MS_MAX = 366 * 86_400_000;
/** Most windows that one row may be in. */
const OVERLAP_MAX = 10_000;

/** A window over a relation; `qualifier`: the relation's name, if it has one. */
export function planWindow(
  context: QueryContext,
  call: FuncCall,
  name: string,
): { relation: Relation; qualifier: string | null } {
  const { source } = context;
  const args = (call.args ?? []).map((node) => ('NamedArgExpr' in node ? node.NamedArgExpr.arg! : node));
  const syntax = `Write ${WINDOWS[name]!}.`;
  const [inputNode, timeNode, ...lengths] = args;
  const least = name === 'hop' || name === 'cumulate' ? 4 : 3;
  if (inputNode === undefined || timeNode === undefined || args.length < least)
    throw bindError(
      source,
      'SQL_TYPE',
      `${name.toUpperCase()} takes at least ${least} arguments, not ${args.length}`,
      call.location,
      syntax,
    );
  const { relation: input, qualifier } = planInput(context, inputNode, name, syntax);
  const time = timeField(context, input, timeNode, syntax);
  const window = readWindow(context, name, lengths, input, call.location);
  const { type } = input.fields[time]!;
  const bounds = ['window_start', 'window_end'].map((each): Field => ({ name: each, type, nullable: false }));
  const fields = [...input.fields, ...bounds];
  return { relation: { kind: 'window', fields, input, time, window, late: false }, qualifier };
}

/** The relation of a function's first argument; `qualifier`: its name, if it has one. */
export function planInput(
  context: QueryContext,
  node: Node,
  name: string,
  syntax: string,
): { relation: Relation; qualifier: string | null } {
  if ('SubLink' in node && node.SubLink.subselect !== undefined && 'SelectStmt' in node.SubLink.subselect) {
    const select = node.SubLink.subselect.SelectStmt;
    return { relation: context.plan(inner(context, {}, node.SubLink.location), select), qualifier: null };
  }
  const names = columnNames(node);
  if (names === undefined || names.length !== 1)
    throw bindError(
      context.source,
      'SQL_TYPE',
      `the first argument of ${name.toUpperCase()} is a stream, a view or a subquery`,
      locationOf(node),
      syntax,
    );
  return { relation: namedRelation(context, names[0]!, locationOf(node)), qualifier: names[0]! };
}

function columnNames(node: Node): string[] | undefined {
  if ('FuncCall' in node) {
    // DESCRIPTOR(ts), as Flink writes it.
    const last = node.FuncCall.funcname?.at(-1);
    const [arg, more] = node.FuncCall.args ?? [];
    if (last === undefined || !('String' in last) || last.String.sval !== 'descriptor' || more !== undefined)
      return undefined;
    return arg === undefined ? undefined : columnNames(arg);
  }
  if (!('ColumnRef' in node)) return undefined;
  const names = (node.ColumnRef.fields ?? []).map((field) => ('String' in field ? field.String.sval : undefined));
  return names.every((name) => name !== undefined) ? names : undefined;
}

/** The time that a function's second argument names. */
export function timeField(context: QueryContext, input: Relation, node: Node, syntax: string): number {
  const location = locationOf(node);
  const names = columnNames(node);
  if (names === undefined)
    throw bindError(
      context.source,
      'SQL_TYPE',
      'the second argument of a window is the name of a time column',
      location,
      syntax,
    );
  const scope = scopeOf('', input.fields);
  const found = lookUp(scope, names.slice(-1), context.source, location);
  const times = input.fields.filter(({ type }) => isTime(type)).map((field) => field.name);
  const instead = `The time columns are: ${times.join(', ') || 'none'}.`;
  if (found === undefined)
    throw bindError(
      context.source,
      'SQL_UNKNOWN_COLUMN',
      `column "${names.at(-1)!}" does not exist`,
      location,
      instead,
    );
  if (!isTime(found.type))
    throw bindError(context.source, 'SQL_TYPE', `column "${names.at(-1)!}" is not a timestamp`, location, instead);
  return (found as { index: number }).index;
}

function isTime(type: string): boolean {
  return type === 'timestamptz' || type === 'timestamp';
}

function readWindow(
  context: QueryContext,
  name: string,
  nodes: readonly Node[],
  input: Relation,
  location: number | undefined,
): WindowSpec {
  const tooMany = (most: number): void => {
    if (nodes.length > most)
      throw bindError(
        context.source,
        'SQL_TYPE',
        `${name.toUpperCase()} takes at most ${most + 2} arguments, not ${nodes.length + 2}`,
        location,
        `Write ${WINDOWS[name]!}.`,
      );
  };
  switch (name) {
    case 'tumble': {
      tooMany(2);
      const sizeMs = size(context, nodes[0]!, 'The size of a window');
      return { kind: 'tumble', sizeMs, offsetMs: offset(context, nodes[1], sizeMs) };
    }
    case 'hop': {
      tooMany(3);
      const slideMs = size(context, nodes[0]!, 'The slide of a window');
      const sizeMs = size(context, nodes[1]!, 'The size of a window');
      overlap(context, nodes[0]!, slideMs, sizeMs, 'The slide comes first: HOP(t, ts, slide, size).');
      return { kind: 'hop', slideMs, sizeMs, offsetMs: offset(context, nodes[2], slideMs) };
    }
    case 'cumulate': {
      tooMany(3);
      const stepMs = size(context, nodes[0]!, 'The step of a window');
      const sizeMs = size(context, nodes[1]!, 'The size of a window');
      overlap(context, nodes[0]!, stepMs, sizeMs, 'The step comes first: CUMULATE(t, ts, step, size).');
      if (sizeMs % stepMs !== 0)
        throw bindError(
          context.source,
          'SQL_TYPE',
          'the size of a CUMULATE window must be a multiple of its step',
          locationOf(nodes[1]),
        );
      return { kind: 'cumulate', stepMs, sizeMs, offsetMs: offset(context, nodes[2], sizeMs) };
    }
    case 'session': {
      const gapMs = size(context, nodes[0]!, 'The gap of a session');
      return { kind: 'session', gapMs, keys: windowKeys(context, nodes.slice(1), input) };
    }
    default: {
      const sizeMs = size(context, nodes[0]!, 'The size of a window');
      return { kind: 'stagger', sizeMs, keys: windowKeys(context, nodes.slice(1), input) };
    }
  }
}

function size(context: QueryContext, node: Node, what: string): number {
  const ms = lengthMs(context.source, node, what);
  if (ms > 0 && ms <= SIZE_MS_MAX && Number.isInteger(ms)) return ms;
  throw bindError(
    context.source,
    'SQL_TYPE',
    `${what.toLowerCase()} must be a whole number of ms, more than 0 and at most 366 days`,
    locationOf(node),
  );
}

function offset(context: QueryContext, node: Node | undefined, sizeMs: number): number {
  if (node === undefined) return 0;
  const ms = lengthMs(context.source, node, "A window's offset");
  if (!Number.isInteger(ms))
    throw bindError(context.source, 'SQL_TYPE', "a window's offset must be a whole number of ms", locationOf(node));
  return ((ms % sizeMs) + sizeMs) % sizeMs;
}

function overlap(context: QueryContext, node: Node, stepMs: number, sizeMs: number, order: string): void {
  if (stepMs > sizeMs)
    throw bindError(
      context.source,
      'SQL_TYPE',
      `the windows of ${sizeMs} ms are shorter than their step of ${stepMs} ms, so that rows would be in none`,
      locationOf(node),
      order,
    );
  if (sizeMs / stepMs > OVERLAP_MAX)
    throw bindError(
      context.source,
      'SQL_UNSUPPORTED',
      `a row would be in ${Math.ceil(sizeMs / stepMs)} windows, more than ${OVERLAP_MAX}`,
      locationOf(node),
      'Make the step longer.',
    );
}

/** Columns that a function's last arguments name. */
export function windowKeys(context: QueryContext, nodes: readonly Node[], input: Relation): Expression[] {
  const scope = scopeOf('', input.fields);
  return nodes.flatMap((node) => {
    if ('RowExpr' in node) return windowKeys(context, node.RowExpr.args ?? [], input);
    const names = columnNames(node);
    const found = names === undefined ? undefined : lookUp(scope, names.slice(-1), context.source, locationOf(node));
    if (found !== undefined) return [found];
    if (names !== undefined) throw unknownColumn(scope, names.slice(-1), context.source, locationOf(node));
    throw bindError(
      context.source,
      'SQL_TYPE',
      "a window's keys are names of columns",
      locationOf(node),
      'Compute the key in a subquery: SESSION((SELECT …), ts, gap, key).',
    );
  });
}
