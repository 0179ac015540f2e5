/**
 * PostgreSQL's type rules: categories, implicit casts, and which overload a call means.
 *
 * `resolveOverload` follows `func_select_candidate` in `src/backend/parser/parse_func.c`, and
 * `commonType` follows `select_common_type` in `parse_coerce.c`, for the types that exist here.
 */
import type { ColumnType } from '../event/schema.js';
import type { ArrayType, ScalarType, SqlType } from './plan.js';

/** A type while binding: a bare string literal or NULL has none yet. */
export type BindingType = SqlType | 'unknown';

type Category = 'boolean' | 'number' | 'string' | 'time' | 'span' | 'other' | 'array' | 'unknown';

const CATEGORY: Record<ScalarType, Category> = {
  boolean: 'boolean',
  smallint: 'number',
  integer: 'number',
  bigint: 'number',
  numeric: 'number',
  real: 'number',
  'double precision': 'number',
  text: 'string',
  timestamptz: 'time',
  timestamp: 'time',
  date: 'time',
  time: 'time',
  interval: 'span',
  uuid: 'other',
  json: 'other',
  jsonb: 'other',
  bytea: 'other',
};

/** Every type that is no array. */
export const SCALAR_TYPES = Object.keys(CATEGORY) as readonly ScalarType[];

/** Every type. */
export const SQL_TYPES: readonly SqlType[] = [...SCALAR_TYPES, ...SCALAR_TYPES.map(arrayOf)];

/** The array type of an item type. */
export function arrayOf<T extends ScalarType>(item: T): `${T}[]` {
  return `${item}[]`;
}

/** Whether a type is an array's. */
export function isArray(type: BindingType): type is ArrayType {
  return type.endsWith('[]');
}

/** The type of an array's items. */
export function itemOf(type: ArrayType): ScalarType {
  return type.slice(0, -2) as ScalarType;
}

function categoryOf(type: BindingType): Category {
  if (type === 'unknown') return 'unknown';
  return isArray(type) ? 'array' : CATEGORY[type];
}

const PREFERRED: ReadonlySet<BindingType> = new Set<BindingType>([
  'boolean',
  'double precision',
  'text',
  'timestamptz',
  'interval',
]);

const IMPLICIT: Partial<Record<BindingType, readonly SqlType[]>> = {
  smallint: ['integer', 'bigint', 'numeric', 'real', 'double precision'],
  integer: ['bigint', 'numeric', 'real', 'double precision'],
  bigint: ['numeric', 'real', 'double precision'],
  numeric: ['real', 'double precision'],
  real: ['double precision'],
  date: ['timestamp', 'timestamptz'],
  timestamp: ['timestamptz'],
  time: ['interval'],
};

/** The SQL type of a stream's column. */
export const COLUMN_TYPES: Record<ColumnType, SqlType> = {
  uuid: 'uuid',
  string: 'text',
  dictionary: 'text',
  list: 'text[]',
  bytes: 'bytea',
  int64: 'bigint',
  double: 'double precision',
  decimal: 'numeric',
  timestamp: 'timestamptz',
  boolean: 'boolean',
  json: 'json',
};

/** The name of a type in PostgreSQL's messages. */
export function typeName(type: BindingType): string {
  if (type !== 'unknown' && isArray(type)) return `${typeName(itemOf(type))}[]`;
  if (type === 'timestamptz') return 'timestamp with time zone';
  if (type === 'timestamp') return 'timestamp without time zone';
  return type === 'time' ? 'time without time zone' : type;
}

/** The names that a cast can use for a type that is no array. `bpchar` and `char` are text without spaces at its end. */
export const TYPE_NAMES: ReadonlyMap<string, ScalarType> = new Map<string, ScalarType>([
  ['bool', 'boolean'],
  ['boolean', 'boolean'],
  ['int2', 'smallint'],
  ['smallint', 'smallint'],
  ['int4', 'integer'],
  ['int', 'integer'],
  ['integer', 'integer'],
  ['int8', 'bigint'],
  ['bigint', 'bigint'],
  ['float4', 'real'],
  ['real', 'real'],
  ['float8', 'double precision'],
  ['double', 'double precision'],
  ['numeric', 'numeric'],
  ['decimal', 'numeric'],
  ['text', 'text'],
  ['varchar', 'text'],
  ['string', 'text'],
  ['bpchar', 'text'],
  ['timestamptz', 'timestamptz'],
  ['timestamp', 'timestamp'],
  ['date', 'date'],
  ['time', 'time'],
  ['interval', 'interval'],
  ['uuid', 'uuid'],
  ['json', 'json'],
  ['jsonb', 'jsonb'],
  ['bytea', 'bytea'],
  ['name', 'text'],
  // As DuckDB and DataFusion name them; an unsigned number is one that has room for it.
  ['tinyint', 'smallint'],
  ['utinyint', 'smallint'],
  ['usmallint', 'integer'],
  ['uinteger', 'bigint'],
  ['ubigint', 'numeric'],
  ['hugeint', 'numeric'],
  ['uhugeint', 'numeric'],
  ['blob', 'bytea'],
  ['datetime', 'timestamp'],
]);

/** Whether a value of one type is taken where another is wanted, without a written cast. */
export function isImplicit(from: BindingType, to: SqlType): boolean {
  if (from === to || from === 'unknown') return true;
  if (isArray(from)) return isArray(to) && isImplicit(itemOf(from), itemOf(to));
  return IMPLICIT[from]?.includes(to) ?? false;
}

/** Types that have an equality: all but json. */
export function isComparable(type: BindingType): boolean {
  return type !== 'json' && type !== 'json[]';
}

/** The type that CASE, coalesce, IN and the like agree on, or the two that do not fit. */
export function commonType(types: readonly BindingType[]): SqlType | { readonly clash: [BindingType, BindingType] } {
  const known = types.filter((type): type is SqlType => type !== 'unknown');
  let chosen = known[0];
  if (chosen === undefined) return 'text';
  for (const type of known.slice(1)) {
    if (type === chosen) continue;
    if (categoryOf(type) !== categoryOf(chosen)) return { clash: [chosen, type] };
    if (!PREFERRED.has(chosen) && isImplicit(chosen, type) && !isImplicit(type, chosen)) chosen = type;
  }
  for (const type of known) if (!isImplicit(type, chosen)) return { clash: [chosen, type] };
  return chosen;
}

/** An overload's parameters. */
export interface Overload {
  readonly params: readonly SqlType[];
}

/** What a call means: one overload, none that fits, or more than one. */
export type Resolution<T> = { readonly overload: T } | { readonly error: 'none' | 'ambiguous' };

/** The overload that PostgreSQL would take. `operator`: a binary operator's unknown side is first taken as the other's type. */
export function resolveOverload<T extends Overload>(
  overloads: readonly T[],
  args: readonly BindingType[],
  operator: boolean,
): Resolution<T> {
  const fitting = overloads.filter((overload) => overload.params.length === args.length);
  const exact = fitting.find((overload) => overload.params.every((type, i) => type === args[i]));
  if (exact !== undefined) return { overload: exact };
  if (operator && args.length === 2) {
    const same = sameTypeGuess(fitting, args);
    if (same !== undefined) return { overload: same };
  }
  const candidates = fitting.filter((overload) => overload.params.every((type, i) => isImplicit(args[i]!, type)));
  if (candidates.length === 0) return { error: 'none' };
  return selectCandidate(candidates, args);
}

function sameTypeGuess<T extends Overload>(overloads: readonly T[], args: readonly BindingType[]): T | undefined {
  const [left, right] = args;
  if ((left === 'unknown') === (right === 'unknown')) return undefined;
  const known = left === 'unknown' ? right : left;
  return overloads.find((overload) => overload.params.every((type) => type === known));
}

function selectCandidate<T extends Overload>(all: readonly T[], args: readonly BindingType[]): Resolution<T> {
  let candidates = mostMatches(all, (type, i) => type === args[i]);
  if (candidates.length === 1) return { overload: candidates[0]! };
  candidates = mostMatches(candidates, (type, i) => {
    if (args[i] === 'unknown') return false;
    return type === args[i] || (categoryOf(type) === categoryOf(args[i]!) && PREFERRED.has(type));
  });
  if (candidates.length === 1) return { overload: candidates[0]! };
  if (!args.includes('unknown')) return { error: 'ambiguous' };
  candidates = narrowUnknown(candidates, args);
  if (candidates.length === 1) return { overload: candidates[0]! };
  const known = new Set(args.filter((type) => type !== 'unknown'));
  if (known.size === 1) {
    const [type] = known;
    const same = candidates.filter((overload) =>
      overload.params.every((param, i) => args[i] !== 'unknown' || isImplicit(type!, param)),
    );
    if (same.length === 1) return { overload: same[0]! };
  }
  return { error: 'ambiguous' };
}

function mostMatches<T extends Overload>(
  candidates: readonly T[],
  matches: (type: SqlType, i: number) => boolean,
): readonly T[] {
  const counts = candidates.map((overload) => overload.params.filter(matches).length);
  const most = Math.max(...counts);
  return candidates.filter((_, index) => counts[index] === most);
}

/** At each unknown argument: text if any candidate takes it, else the one category they agree on. */
function narrowUnknown<T extends Overload>(all: readonly T[], args: readonly BindingType[]): readonly T[] {
  let kept = all;
  for (let i = 0; i < args.length; i++) {
    if (args[i] !== 'unknown') continue;
    const categories = new Set(all.map((overload) => categoryOf(overload.params[i]!)));
    const category = categories.has('string') ? 'string' : categories.size === 1 ? [...categories][0]! : undefined;
    if (category === undefined) return all;
    const inCategory = kept.filter((overload) => categoryOf(overload.params[i]!) === category);
    const preferred = inCategory.filter((overload) => PREFERRED.has(overload.params[i]!));
    kept = preferred.length > 0 ? preferred : inCategory;
  }
  return kept.length > 0 ? kept : all;
}
