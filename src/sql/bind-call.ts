/** Binds calls once their arguments are bound: overloads, implicit casts, constants. */
import { MillraceError } from '../util/errors.js';
import { bindError, literal, placed, typeOf } from './context.js';
import type { BindContext, Bound } from './context.js';
import { compile, evaluatorOf, valueLiteral } from './evaluate.js';
import { functionTable } from './functions/index.js';
import type { EvaluateValues, FunctionDefinition } from './functions/registry.js';
import type { Expression, SqlType } from './plan.js';
import { refusedFunction } from './refuse.js';
import { commonType, isArray, isImplicit, resolveOverload, typeName } from './types.js';
import type { BindingType } from './types.js';
import type { RowAccess } from './evaluate.js';
import { SPECIAL_CALLS } from './walk.js';

const NO_ROW: RowAccess = {
  column: unreadable,
  key: unreadable,
  aggregate: unreadable,
  windowStart: 0,
  windowEnd: 0,
};

function unreadable(): never {
  throw new Error('a constant expression reads no row');
}

/** A call, checked for its constant arguments and folded when all are constant. */
export function makeCall(
  context: BindContext,
  name: string,
  args: readonly Expression[],
  type: SqlType,
  location: number | undefined,
): Expression {
  const call = { kind: 'call', name, args, type } as const;
  if (!SPECIAL_CALLS.has(name)) {
    try {
      evaluatorOf(call);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      throw bindError(context, error.code === 'SQL_RUNTIME' ? 'SQL_TYPE' : error.code, error.message, location);
    }
  }
  return placed(context, fold(call) ?? call, location);
}

/** The literal that a constant call comes to; undefined where it is not constant or is an error. */
function fold(call: Extract<Expression, { kind: 'call' }>): Expression | undefined {
  if (!call.args.every((arg) => arg.kind === 'literal')) return undefined;
  try {
    const value = compile(call)(NO_ROW);
    return literal(valueLiteral(value, call.type), call.type);
  } catch (error) {
    // A constant error such as 1/0 may stand in a branch that never runs; it is raised when it does.
    if (error instanceof MillraceError) return undefined;
    throw error;
  }
}

/** Makes something bound a value of a type, by an implicit cast or by reading a literal. */
export function coerce(context: BindContext, bound: Bound, to: SqlType, location: number | undefined): Expression {
  if (bound.kind === 'unknown') return readLiteral(context, bound.value, to, location);
  if (bound.type === to) return bound;
  if (!isImplicit(bound.type, to)) {
    throw bindError(
      context,
      'SQL_TYPE',
      `expected ${typeName(to)}, not ${typeName(bound.type)}`,
      location,
      `Write a cast: (…)::${to}.`,
    );
  }
  return makeCall(context, 'cast', [bound], to, context.positions.get(bound) ?? location);
}

/** A string literal as a value of a type: PostgreSQL's input function. */
export function readLiteral(
  context: BindContext,
  value: string | null,
  to: SqlType,
  location: number | undefined,
): Expression {
  if (value === null || to === 'text') return placed(context, literal(value, to), location);
  const definition = functionTable.castOf('text', to)!;
  try {
    return placed(context, literal(valueLiteral((definition.evaluate as EvaluateValues)(value), to), to), location);
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    throw bindError(context, 'SQL_TYPE', error.message, location);
  }
}

/** A written cast. */
export function bindCast(context: BindContext, bound: Bound, to: SqlType, location: number | undefined): Expression {
  if (bound.kind === 'unknown') return readLiteral(context, bound.value, to, location);
  if (bound.type === to) return bound;
  if (functionTable.castOf(bound.type, to) === undefined) {
    throw bindError(context, 'SQL_TYPE', `cannot cast type ${typeName(bound.type)} to ${typeName(to)}`, location);
  }
  return makeCall(context, 'cast', [bound], to, location);
}

/** All arguments as one type: CASE, coalesce, IN, greatest. `what` names it in PostgreSQL's message. */
export function coerceAll(
  context: BindContext,
  what: string,
  args: readonly Bound[],
  location: number | undefined,
): { args: Expression[]; type: SqlType } {
  const type = commonType(args.map(typeOf));
  if (typeof type !== 'string') {
    const [a, b] = type.clash;
    throw bindError(context, 'SQL_TYPE', `${what} types ${typeName(a)} and ${typeName(b)} cannot be matched`, location);
  }
  return { args: args.map((arg) => coerce(context, arg, type, context.positions.get(arg) ?? location)), type };
}

/** A function call by name. */
export function bindFunction(
  context: BindContext,
  name: string,
  args: readonly Bound[],
  location: number | undefined,
): Expression {
  if (name === 'pg_typeof' && args.length === 1)
    return placed(context, literal(typeName(typeOf(args[0]!)), 'text'), location);
  const overloads = functionTable.overloads(name);
  const variadic = overloads.find((entry) => entry.variadic !== undefined);
  if (variadic?.variadic !== undefined && args.length >= variadic.variadic) {
    return makeCall(
      context,
      name,
      args.map((arg) => printed(context, arg, location, variadic.converts)),
      variadic.result,
      location,
    );
  }
  const resolution = resolveOverload(overloads, args.map(typeOf), false);
  if ('error' in resolution) throw functionError(context, name, args, resolution.error, location);
  return applyOverload(context, resolution.overload, args, location);
}

/** Arguments in the order of the parameters: those with a name at their place, those left out by their default. */
export function arrangeArguments(
  context: BindContext,
  name: string,
  args: readonly Bound[],
  names: readonly (string | undefined)[],
  location: number | undefined,
): readonly Bound[] {
  const { parameters } = functionTable.overloads(name).find((entry) => entry.parameters !== undefined) ?? {};
  if (parameters === undefined) {
    if (names.every((each) => each === undefined)) return args;
    throw bindError(context, 'SQL_UNSUPPORTED', `${name} takes no named arguments`, location, 'Write them in order.');
  }
  const places: (Bound | undefined)[] = parameters.names.map(() => undefined);
  args.forEach((arg, i) => {
    const place = names[i] === undefined ? i : parameters.names.indexOf(names[i]);
    if (place < 0 || place >= places.length || places[place] !== undefined)
      throw bindError(
        context,
        'SQL_UNKNOWN_FUNCTION',
        `function ${name} has no such argument`,
        location,
        `Its arguments are: ${parameters.names.join(', ')}.`,
      );
    places[place] = arg;
  });
  return places.map((arg) => arg ?? literal(parameters.default, 'integer'));
}

/** A value as `concat` prints it: a boolean as `t` or `f`, anything else as its cast to text; or converted. */
function printed(
  context: BindContext,
  bound: Bound,
  location: number | undefined,
  converts: FunctionDefinition['converts'],
): Expression {
  if (converts !== undefined) return bindFunction(context, converts, [bound], location);
  if (bound.kind === 'unknown' || bound.type === 'text') return coerce(context, bound, 'text', location);
  if (bound.type !== 'boolean') return bindCast(context, bound, 'text', location);
  const branches = [
    { when: bound, result: literal('t', 'text') },
    { when: { kind: 'not', arg: bound, type: 'boolean' } as const, result: literal('f', 'text') },
  ];
  return { kind: 'case', branches, otherwise: literal(null, 'text'), type: 'text' };
}

/** `text || anything` prints the other side. */
function bindConcatenation(
  context: BindContext,
  args: readonly Bound[],
  location: number | undefined,
): Expression | undefined {
  const types = args.map(typeOf);
  const isText = (type: BindingType): boolean => type === 'text' || type === 'unknown';
  if (
    args.length !== 2 ||
    !types.some(isText) ||
    types.some((type) => type === 'jsonb' || type === 'bytea' || isArray(type))
  )
    return undefined;
  const texts = args.map((arg) =>
    isText(typeOf(arg)) ? coerce(context, arg, 'text', location) : bindCast(context, arg, 'text', location),
  );
  return makeCall(context, '||', texts, 'text', location);
}

/** An operator, binary or prefix. */
export function bindOperator(
  context: BindContext,
  name: string,
  args: readonly Bound[],
  location: number | undefined,
): Expression {
  const joined = name === '||' ? bindConcatenation(context, args, location) : undefined;
  if (joined !== undefined) return joined;
  return applyOverload(context, operatorOverload(context, name, args.map(typeOf), location), args, location);
}

/** The overload of an operator that arguments of some types mean. */
export function operatorOverload(
  context: BindContext,
  name: string,
  args: readonly BindingType[],
  location: number | undefined,
): FunctionDefinition {
  const operator = OPERATOR_SPELLINGS[name] ?? name;
  const overloads = functionTable.overloads(operator).filter((entry) => entry.params.length === args.length);
  const resolution = resolveOverload(overloads, args, true);
  if (!('error' in resolution)) return resolution.overload;
  const types = args.map((arg) => typeName(arg));
  const shown = types.length === 1 ? `${name} ${types[0]}` : `${types[0]} ${name} ${types[1]}`;
  const message =
    resolution.error === 'none' ? `operator does not exist: ${shown}` : `operator is not unique: ${shown}`;
  throw bindError(context, 'SQL_TYPE', message, location, operatorHint(operator, overloads));
}

/** Other spellings of an operator. */
const OPERATOR_SPELLINGS: Readonly<Record<string, string>> = {
  '!=': '<>',
  '~~': 'like',
  '~~*': 'ilike',
  '!~~': 'not like',
  '!~~*': 'not ilike',
};

function operatorHint(name: string, overloads: readonly FunctionDefinition[]): string {
  if (overloads.length === 0)
    return refusedFunction(name) ?? `There is no operator ${name} here; docs/reference/sql.md lists those there are.`;
  return `It exists for: ${listed(overloads)}. You might need to add explicit type casts.`;
}

function applyOverload(
  context: BindContext,
  overload: FunctionDefinition,
  args: readonly Bound[],
  location: number | undefined,
): Expression {
  const typed = args.map((arg, i) => coerce(context, arg, overload.params[i]!, context.positions.get(arg) ?? location));
  return makeCall(context, overload.name, typed, overload.result, location);
}

function functionError(
  context: BindContext,
  name: string,
  args: readonly Bound[],
  error: 'none' | 'ambiguous',
  location: number | undefined,
): MillraceError {
  const shown = `${name}(${args.map((arg) => typeName(typeOf(arg))).join(', ')})`;
  if (error === 'ambiguous') {
    return bindError(
      context,
      'SQL_UNKNOWN_FUNCTION',
      `function ${shown} is not unique`,
      location,
      'Add explicit type casts.',
    );
  }
  const overloads = functionTable.overloads(name);
  const instead =
    overloads.length > 0
      ? `It exists for: ${listed(overloads)}. You might need to add explicit type casts.`
      : (refusedFunction(name) ?? 'docs/reference/sql.md lists the functions there are.');
  return bindError(context, 'SQL_UNKNOWN_FUNCTION', `function ${shown} does not exist`, location, instead);
}

/** Most overloads that a hint spells out. */
const LISTED_MAX = 20;

function listed(overloads: readonly FunctionDefinition[]): string {
  const shown = overloads.slice(0, LISTED_MAX).map((entry) => `(${entry.params.map(typeName).join(', ')})`);
  return shown.join(', ') + (overloads.length > LISTED_MAX ? ' and more' : '');
}
