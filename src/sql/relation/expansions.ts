/**
 * Calls of functions that make several rows of one: `unnest`, `generate_series`, DuckDB's `range`, which leaves its end
 * out, and those of `functions/sets.ts`.
 */
import type { FuncCall } from 'libpg-query';
import { MillraceError } from '../../util/errors.js';
import { bind, bindTyped } from '../bind.js';
import { bindOperator, coerce } from '../bind-call.js';
import { bindError, literal, typeOf } from '../context.js';
import type { BindContext, Bound } from '../context.js';
import { literalValue } from '../evaluate.js';
import { PAIR_FUNCTIONS, setFunctions } from '../functions/sets.js';
import type { SetFunction } from '../functions/sets.js';
import type { Expression, SqlType } from '../plan.js';
import { locationOf } from '../tree.js';
import { commonType, resolveOverload, typeName } from '../types.js';
import { callName } from './aggregates.js';
import type { SetCall } from './relation.js';

const NAMES: ReadonlySet<string> = new Set([
  'unnest',
  'generate_series',
  'range',
  ...PAIR_FUNCTIONS,
  ...setFunctions.map(({ name }) => name),
]);

/** The names of all of them. */
export function expansionNames(): string[] {
  return [...NAMES].filter((name) => !name.includes('.'));
}

/** Whether a function makes several rows of one. */
export function isExpansion(name: string): boolean {
  return NAMES.has(name);
}

/** A call of such a function, bound. */
export interface Expansion extends SetCall {
  /** What its column is called; `isNamed`: even where the call has another name in FROM. */
  readonly label: string;
  readonly isNamed: boolean;
  /** The type of each row's value. */
  readonly type: SqlType;
}

const SERIES: readonly SqlType[] = ['integer', 'bigint', 'numeric', 'timestamp', 'timestamptz'];

/** Binds a call that stands in FROM: `unnest` of several lists and `json_each` make several columns. */
export function bindExpansions(context: BindContext, call: FuncCall): Expansion[] {
  const name = callName(call);
  const args = call.args ?? [];
  if (name === 'unnest' && args.length > 1)
    return args.flatMap((arg) => bindExpansions(context, { ...call, args: [arg] }));
  if (!PAIR_FUNCTIONS.has(name)) return [bindExpansion(context, call)];
  return ['key', 'value'].map((column) => ({
    ...bindSet(context, call, `${name}.${column}`, name),
    label: column,
    isNamed: true,
  }));
}

/** Binds a call that makes one column. */
export function bindExpansion(context: BindContext, call: FuncCall): Expansion {
  const name = callName(call);
  if (PAIR_FUNCTIONS.has(name))
    throw bindError(
      context,
      'SQL_UNSUPPORTED',
      `${name} in the SELECT list: a row as a value is not supported`,
      call.location,
      `Write it in FROM: FROM t, ${name}(t.x) AS e (key, value).`,
    );
  if (setFunctions.some((each) => each.name === name)) return bindSet(context, call, name, name);
  const args = (call.args ?? []).map((node) => bindTyped(context, node));
  const made = (as: SetCall['name'], bound: readonly Expression[], type: SqlType): Expansion => ({
    name: as,
    label: name,
    isNamed: false,
    args: bound,
    type,
  });
  const unknown = (instead: string): Error => unknownCall(context, call, name, args, instead);
  if (name === 'unnest') {
    const [list] = args;
    if (list === undefined || args.length !== 1 || !list.type.endsWith('[]')) throw unknown('unnest takes one list.');
    return made(name, args, list.type.slice(0, -2) as SqlType);
  }
  // Of one argument it is the end.
  const [from, to, step] = args.length === 1 ? [literal(0, 'integer'), args[0]] : args;
  if (from === undefined || to === undefined || args.length > 3)
    throw unknown('Write generate_series(from, to) or generate_series(from, to, step).');
  const isTime = ['timestamp', 'timestamptz', 'date'].includes(from.type);
  if (isTime) {
    if (name === 'range') throw unknown('Over times write generate_series, whose end is in it.');
    if (step?.type !== 'interval') throw unknown("Over times a step is needed: INTERVAL '1 hour'.");
    const type = from.type === 'date' ? 'timestamp' : from.type;
    const bounds = [from, to].map((each) => coerce(context, each, type, call.location));
    return made('generate_series', [...bounds, step], type);
  }
  const all = step === undefined ? [from, to] : [from, to, step];
  const type = commonType(all.map((arg) => arg.type));
  if (typeof type !== 'string' || !SERIES.includes(type)) throw unknown('It runs over integers, numerics and times.');
  const bounds = name === 'range' ? [from, lastOf(context, to, step, unknown), ...all.slice(2)] : all;
  return made(
    'generate_series',
    bounds.map((arg) => coerce(context, arg, type, call.location)),
    type,
  );
}

function unknownCall(
  context: BindContext,
  call: FuncCall,
  name: string,
  args: readonly Bound[],
  instead: string,
): Error {
  const shown = `${name}(${args.map((arg) => typeName(typeOf(arg))).join(', ')})`;
  return bindError(context, 'SQL_UNKNOWN_FUNCTION', `function ${shown} does not exist`, call.location, instead);
}

/** A function of the list. `shown`: its name as it is written. */
function bindSet(context: BindContext, call: FuncCall, name: string, shown: string): Expansion {
  const bound = (call.args ?? []).map((node) => bind(context, node));
  const overloads = setFunctions.filter((each) => each.name === name);
  const resolution = resolveOverload(overloads, bound.map(typeOf), false);
  if ('error' in resolution) {
    const listed = [...new Set(overloads.map(({ params }) => `(${params.map(typeName).join(', ')})`))].slice(0, 6);
    throw unknownCall(context, call, shown, bound, `It exists for: ${listed.join(', ')}.`);
  }
  const { overload } = resolution;
  const args = bound.map((arg, i) => coerce(context, arg, overload.params[i]!, locationOf(call.args?.[i])));
  checkPattern(context, call, overload, args);
  const { label, result } = overload;
  return { name, label: label ?? shown, isNamed: label !== undefined, args, type: result };
}

/** A constant pattern that can't work is refused before there are rows. */
function checkPattern(
  context: BindContext,
  call: FuncCall,
  { name, values }: SetFunction,
  args: readonly Expression[],
): void {
  const constants = args.slice(1).flatMap((arg) => (arg.kind === 'literal' && arg.value !== null ? [arg] : []));
  if (!name.startsWith('regexp_') || constants.length < args.length - 1) return;
  try {
    values('', ...constants.map((arg) => literalValue(arg.value, arg.type)));
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw bindError(context, 'SQL_UNSUPPORTED', error.message, call.location);
  }
}

/** The last whole number that `range` may give. */
function lastOf(
  context: BindContext,
  to: Expression,
  step: Expression | undefined,
  unknown: (instead: string) => Error,
): Expression {
  const isWhole = to.type === 'integer' || to.type === 'bigint';
  if (!isWhole || (step !== undefined && step.kind !== 'literal'))
    throw unknown('range takes whole numbers, and a constant step; else write generate_series.');
  const isDown = step?.kind === 'literal' && Number(step.value) < 0;
  return bindOperator(context, isDown ? '+' : '-', [to, literal(1, 'integer')], undefined);
}
