/**
 * Type names that a cast may use.
 */
import { nameList, nodeList, type Statement } from './ast.js';
import { SCALE_MAX, type TypeName } from './types.js';

const NAMES: ReadonlyMap<string, TypeName> = new Map<string, TypeName>([
  ['bool', 'boolean'],
  ['int2', 'integer'],
  ['int4', 'integer'],
  ['int8', 'bigint'],
  ['numeric', 'numeric'],
  ['float4', 'double precision'],
  ['float8', 'double precision'],
  ['text', 'text'],
  ['varchar', 'text'],
  ['timestamptz', 'timestamptz'],
  ['timestamp', 'timestamp'],
  ['date', 'date'],
  ['time', 'time'],
  ['interval', 'interval'],
  ['uuid', 'uuid'],
  ['json', 'json'],
  ['jsonb', 'json'],
]);

/** The type a TypeName node names; `scale` is null where a numeric says none. */
export function bindTypeName(statement: Statement, value: unknown): { name: TypeName; scale: number | null } {
  // A TypeName stands bare in its parent, without a kind around it.
  const fields = (value ?? {}) as Record<string, unknown>;
  const names = nameList(fields['names']);
  const short = names.length === 2 && names[0] === 'pg_catalog' ? names[1]! : names.length === 1 ? names[0]! : '';
  const name = NAMES.get(short);
  const unknown = ['names', 'typemod', 'typmods', 'arrayBounds', 'location'];
  if (name === undefined || Object.keys(fields).some((key) => !unknown.includes(key)))
    return statement.fail(
      'SQL_UNSUPPORTED',
      `type ${names.join('.')} can't be used in a query`,
      fields,
      `there are ${[...new Set(NAMES.values())].join(', ')}`,
    );
  if (fields['arrayBounds'] !== undefined) {
    if (name === 'text') return { name: 'text[]', scale: null };
    return statement.refuse(`an array of ${name}`, fields);
  }
  const modifiers = nodeList(fields['typmods']).map((node) => {
    const constant = node.kind === 'A_Const' ? (node.fields['ival'] as { ival?: number } | undefined) : undefined;
    return constant === undefined ? NaN : (constant.ival ?? 0);
  });
  if (name !== 'numeric') {
    // varchar(n) would cut, timestamp(n) would round: neither is silently ignored.
    if (modifiers.length > 0) return statement.refuse(`a length or precision of ${name}`, fields);
    return { name, scale: null };
  }
  if (modifiers.length === 0) return { name, scale: null };
  const [precision = NaN, scale = 0] = modifiers;
  if (!(precision >= 1 && precision <= 38 && scale >= 0 && scale <= Math.min(precision, SCALE_MAX)))
    return statement.fail(
      'SQL_TYPE',
      `numeric(${modifiers.join(',')}): expected at most 38 digits, of which at most ${SCALE_MAX} after the point`,
      fields,
    );
  return { name, scale };
}
