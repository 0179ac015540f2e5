/**
 * How a view's GROUP BY becomes 32-bit words, and back.
 *
 * | key | words |
 * |---|---|
 * | text, and any expression | id of the view's pool (expressions by their canonical text); -1 is NULL |
 * | int64, decimal, timestamp column | low, high |
 * | double column | the bits, low then high; -0 is 0 |
 * | uuid column | 16 bytes as four words |
 *
 * A nullable column of the last three has one word more: 1 for NULL, the others then 0.
 */
import type { ColumnType, Schema } from '../../event/schema.js';
import { uuidText } from '../../event/uuid.js';
import type { BytePool } from '../state/byte-pool.js';
import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import { Decimal } from '../../sql/decimal.js';
import type { Expression, SqlType, ViewPlan } from '../../sql/plan.js';
import { intOf } from '../../sql/value.js';
import type { Value } from '../../sql/value.js';
import { valueOfText } from '../../sql/canonical.js';

/** How one key is held. */
export interface KeyPart {
  readonly kind: 'pool' | 'integer' | 'double' | 'uuid';
  readonly type: SqlType;
  /** The source column's type, for a key that is a column. */
  readonly columnType: ColumnType | undefined;
  /** First word, and how many. */
  readonly at: number;
  readonly words: number;
  /** Whether the last word says NULL. */
  readonly nullWord: boolean;
}

/** How all keys of a view are held. */
export interface KeyLayout {
  readonly parts: readonly KeyPart[];
  readonly width: number;
  /** Words that are pool ids. */
  readonly poolWords: readonly number[];
}

const KINDS: Partial<Record<ColumnType, KeyPart['kind']>> = {
  int64: 'integer',
  decimal: 'integer',
  timestamp: 'integer',
  double: 'double',
  uuid: 'uuid',
};

/** How a value of an expression is held as words: for keys and for distinct sets. */
export function wordKind(expression: Expression, schema: Schema): KeyPart['kind'] {
  if (expression.kind !== 'column') return 'pool';
  return KINDS[schema.columns[expression.index]!.type] ?? 'pool';
}

/** Words of a kind, the null word not counted. */
export const WORDS: Readonly<Record<KeyPart['kind'], number>> = { pool: 1, integer: 2, double: 2, uuid: 4 };

/** The layout of a plan's keys. */
export function keyLayout(plan: ViewPlan, schema: Schema): KeyLayout {
  const parts: KeyPart[] = [];
  let at = 0;
  for (const { expression } of plan.keys) {
    const kind = wordKind(expression, schema);
    const column = expression.kind === 'column' ? schema.columns[expression.index]! : undefined;
    const nullWord = kind !== 'pool' && column!.nullable;
    const words = WORDS[kind] + (nullWord ? 1 : 0);
    parts.push({ kind, type: expression.type, columnType: column?.type, at, words, nullWord });
    at += words;
  }
  return { parts, width: at, poolWords: parts.filter((part) => part.kind === 'pool').map((part) => part.at) };
}

const doubles = new Float64Array(1);
const doubleWords = new Int32Array(doubles.buffer);
const uuidBytes = new Uint8Array(16);
const uuidWords = new Int32Array(uuidBytes.buffer);

/** The value of one key of a group whose words start at `base`. */
export function keyValue(part: KeyPart, words: Int32Array, base: number, pool: BytePool): Value {
  const at = base + part.at;
  if (part.nullWord && words[at + part.words - 1] === 1) return null;
  switch (part.kind) {
    case 'pool': {
      const id = words[at]!;
      if (id < 0) return null;
      return part.type === 'text' ? pool.stringOf(id) : valueOfText(pool.stringOf(id), part.type);
    }
    case 'integer': {
      const value = words[at + 1]! * 4_294_967_296 + (words[at]! >>> 0);
      const exact = Number.isSafeInteger(value)
        ? value
        : intOf((BigInt(words[at + 1]!) << 32n) | BigInt(words[at]! >>> 0));
      return part.columnType === 'decimal' ? new Decimal(BigInt(exact), 6) : exact;
    }
    case 'double':
      doubleWords[0] = words[at]!;
      doubleWords[1] = words[at + 1]!;
      return doubles[0]!;
    case 'uuid':
      uuidWords.set(words.subarray(at, at + 4));
      return uuidText(uuidBytes, 0);
  }
}

/** Writes a group's key in bytes that mean the same for ever: pool entries are spelled out. */
export function writeKey(layout: KeyLayout, words: Int32Array, base: number, pool: BytePool, writer: ByteWriter): void {
  for (const part of layout.parts) {
    const at = base + part.at;
    if (part.kind === 'pool') {
      const id = words[at]!;
      writer.unsigned(id < 0 ? 0 : pool.lengthOf(id) + 1);
      if (id >= 0) writer.raw(pool.bytesOf(id));
    } else {
      for (let i = 0; i < part.words; i++) writer.unsigned(words[at + i]! >>> 0);
    }
  }
}

/** Reads what `writeKey` wrote into `words`. */
export function readKey(layout: KeyLayout, words: Int32Array, pool: BytePool, reader: ByteReader): void {
  for (const part of layout.parts) {
    if (part.kind === 'pool') {
      const length = reader.unsigned();
      if (length === 0) {
        words[part.at] = -1;
      } else {
        const bytes = reader.raw(length - 1);
        words[part.at] = pool.intern(bytes, 0, bytes.length);
      }
    } else {
      for (let i = 0; i < part.words; i++) words[part.at + i] = reader.unsigned() | 0;
    }
  }
}
