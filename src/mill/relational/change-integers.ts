/** Integer columns of a changes stream, out of doubles that are whole numbers. */
import type { IntegerColumn } from '../../event/columns.js';
import { constantInteger } from '../../event/integers.js';

const WORD = 4_294_967_296;

/** `values * times`; of 32 bits a row where they lie that close together. */
export function integers(values: Float64Array, nulls: Uint8Array | null, times = 1): IntegerColumn {
  let least = Infinity;
  let most = -Infinity;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < least) least = value;
    if (value > most) most = value;
  }
  const base = Math.floor(least * times);
  const bitmap = bitmapOf(nulls, values.length);
  // What a null's place holds may be anything, also nothing that is a number.
  if (!(most * times - base < WORD) || !Number.isSafeInteger(base)) return wide(values, bitmap, times);
  const deltas = new Uint32Array(values.length);
  for (let i = 0; i < values.length; i++) deltas[i] = values[i]! * times - base;
  return { kind: 'integer', nulls: bitmap, base: BigInt(base), width: 4, deltas };
}

function wide(values: Float64Array, nulls: Uint8Array | null, times: number): IntegerColumn {
  const deltas = new Uint32Array(values.length * 2);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]! * times;
    const high = Math.floor(value / WORD);
    deltas[2 * i] = value - high * WORD;
    deltas[2 * i + 1] = high;
  }
  return { kind: 'integer', nulls, base: 0n, width: 8, deltas };
}

/** The same values, each so much less. */
export function lessBy(column: IntegerColumn, by: number): IntegerColumn {
  return { ...column, base: column.base - BigInt(by) };
}

/** Which copy each row is: `first`, and by `step` more with each row. */
export function copies(first: number, step: number, count: number): IntegerColumn {
  if (step === 0) return constantInteger(BigInt(first));
  return {
    kind: 'integer',
    nulls: null,
    base: BigInt(first),
    width: 4,
    deltas: Uint32Array.from({ length: count }, (_, i) => i * step),
  };
}

/** A byte a row as a bitmap. */
export function bitmapOf(nulls: Uint8Array | null, count: number): Uint8Array | null {
  if (nulls === null) return null;
  const bitmap = new Uint8Array((count + 7) >> 3);
  for (let i = 0; i < count; i++) bitmap[i >> 3]! |= nulls[i]! << (i & 7);
  return bitmap;
}
