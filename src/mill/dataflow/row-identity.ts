/**
 * Hash and equality of rows, for tables of our own: what `keys.ts` says with a text, without making one.
 *
 * Hashes are seeded (`key-hash.ts`), never kept nor seen; results do not depend on them.
 */
import type { Decimal } from '../../sql/decimal.js';
import type { SqlType } from '../../sql/plan.js';
import { keyFunction, PLAIN_NUMBERS } from './keys.js';
import { finishHash, HASH_SEED, hashNumber, hashOf, hashText } from './key-hash.js';
import type { Row } from './operator.js';
import { identicalRows } from './order.js';
import { RowSource } from './row-source.js';

/** How a table tells rows apart. */
export interface RowIdentity {
  /** 31 bits. */
  readonly hash: (row: Row) => number;
  /** Only asked of rows that have the same hash. */
  readonly isSame: (a: Row, b: Row) => boolean;
}

const TEXTS: ReadonlySet<string> = new Set(['text', 'uuid', 'json']);

/** Rows are the same that print alike. */
export function identityOfRows(types: readonly SqlType[]): RowIdentity {
  return { hash: hashFunction([...types.keys()], types), isSame: identicalRows(types) };
}

/** Rows are the same whose fields at `key` SQL calls equal for GROUP BY. `types`: of those fields. */
export function identityOfKeys(key: readonly number[], types: readonly SqlType[]): RowIdentity {
  if (!types.every((type) => type === 'bigint' || type === 'boolean' || PLAIN_NUMBERS.has(type) || TEXTS.has(type))) {
    const keyOf = keyFunction(key, types);
    return { hash: (row) => hashOf(keyOf(row)), isSame: (a, b) => keyOf(a) === keyOf(b) };
  }
  const source = new RowSource();
  const tests = key.map((index, i) => {
    const a = source.column(index, 'a');
    const b = source.column(index, 'b');
    return types[i]! === 'real' || types[i]! === 'double precision'
      ? `(${a} === ${b} || (${a} !== ${a} && ${b} !== ${b}))`
      : `${a} === ${b}`;
  });
  const isSame = source.build<RowIdentity['isSame']>(
    ['a', 'b'],
    `${source.declarations()}\nreturn ${['true', ...tests].join(' && ')};`,
  );
  return { hash: hashFunction(key, types), isSame };
}

/** Fields whose type has no cheap hash are left to the comparison. */
function hashFunction(indexes: readonly number[], types: readonly SqlType[]): RowIdentity['hash'] {
  const source = new RowSource();
  const lines = indexes.flatMap((index, i) => {
    const mix = mixOf(types[i]!);
    return mix === null ? [] : [`h = ${source.bind(mix, 'mix')}(h, ${source.column(index)});`];
  });
  const finish = source.bind(finishHash, 'finish');
  return source.build(
    ['row'],
    `${source.declarations()}\nlet h = ${HASH_SEED};\n${lines.join('\n')}\nreturn ${finish}(h);`,
  );
}

type Mix = (hash: number, value: never) => number;

function mixOf(type: SqlType): Mix | null {
  if (PLAIN_NUMBERS.has(type)) return mixNumber;
  if (TEXTS.has(type)) return mixText;
  if (type === 'bigint') return mixInteger;
  if (type === 'boolean') return mixBoolean;
  if (type === 'numeric') return mixDecimal;
  return type === 'bytea' ? mixBytes : type === 'text[]' ? mixTexts : null;
}

function mixNumber(hash: number, value: number | null): number {
  return hashNumber(hash, value ?? 0.5);
}

function mixText(hash: number, value: string | null): number {
  return value === null ? hashNumber(hash, -1) : hashNumber(hashText(hash, value), value.length);
}

function mixInteger(hash: number, value: number | bigint | null): number {
  return hashNumber(hash, value === null ? 0.5 : Number(value));
}

function mixBoolean(hash: number, value: boolean | null): number {
  return hashNumber(hash, value === null ? 2 : value ? 1 : 0);
}

function mixDecimal(hash: number, value: Decimal | null): number {
  return hashNumber(hash, value === null ? 0.5 : Number(value.units));
}

function mixBytes(hash: number, value: Uint8Array | null): number {
  return value === null ? hashNumber(hash, 0) : value.reduce(hashNumber, hash);
}

function mixTexts(hash: number, value: readonly (string | null)[] | null): number {
  return value === null ? hashNumber(hash, 0) : value.reduce(mixText, hash);
}
