/**
 * The word (`hash.ts`) that stands for a value in a HyperLogLog sketch. A column's values give the words that
 * the fused kernels make of the column, so that sketches of both can be merged:
 *
 * | type | hashed |
 * |---|---|
 * | bigint; timestamptz of whole ms; numeric of at most six digits after the point, in millionths | low and high word, where 64 bits hold it |
 * | double precision | the bits; -0 is 0 |
 * | uuid | its 16 bytes |
 * | bytea | its bytes |
 * | else | the UTF-8 of the canonical text (`canonical.ts`) |
 */
import { parseUuid } from '../../../event/uuid.js';
import { canonicalText } from '../../canonical.js';
import { Decimal, powerOfTen } from '../../decimal.js';
import type { SqlType } from '../../plan.js';
import type { Value } from '../../value.js';
import { wordOfBytes, wordOfWords } from './hash.js';

/** Digits after the point of a decimal column. */
const COLUMN_SCALE = 6;

const encoder = new TextEncoder();
const double = new Float64Array(1);
const doubleWords = new Int32Array(double.buffer);
const uuid = new Uint8Array(16);
const uuidWords = new Int32Array(uuid.buffer);

/** The word of a value that is not NULL. */
export function valueWord(value: NonNullable<Value>, type: SqlType): number {
  if (value instanceof Uint8Array) return wordOfBytes(value, 0, value.length);
  if (type === 'uuid') return uuidWord(value as string);
  if (type === 'double precision') {
    double[0] = (value as number) + 0;
    return wordOfWords(doubleWords[0]!, doubleWords[1]!, 0, 0);
  }
  const whole = wholeOf(value, type);
  if (whole !== undefined) return integerWord(whole);
  const bytes = encoder.encode(canonicalText(value, type));
  return wordOfBytes(bytes, 0, bytes.length);
}

/** The integer that a column of this type holds for the value; undefined where it is none. */
function wholeOf(value: NonNullable<Value>, type: SqlType): number | bigint | undefined {
  if (type === 'bigint') return value as number | bigint;
  if (type === 'timestamptz') return Number.isInteger(value) ? (value as number) : undefined;
  if (!(value instanceof Decimal)) return undefined;
  const millionths = millionthsOf(value);
  return millionths === undefined || BigInt.asIntN(64, millionths) !== millionths ? undefined : millionths;
}

function millionthsOf({ units, scale }: Decimal): bigint | undefined {
  if (scale <= COLUMN_SCALE) return units * powerOfTen(COLUMN_SCALE - scale);
  const power = powerOfTen(scale - COLUMN_SCALE);
  return units % power === 0n ? units / power : undefined;
}

function integerWord(value: number | bigint): number {
  if (typeof value === 'number') return wordOfWords(value | 0, Math.floor(value / 2 ** 32) | 0, 0, 0);
  return wordOfWords(Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)), 0, 0);
}

function uuidWord(text: string): number {
  parseUuid(text, uuid, 0);
  return wordOfWords(uuidWords[0]!, uuidWords[1]!, uuidWords[2]!, uuidWords[3]!);
}
