/**
 * The body of a data page: repetition levels (lists only) and definition levels, each as u32 length and hybrid runs,
 * then the values that are there, plain.
 *
 *   definition: 1 a value, 0 null; of a list 3 an item, 2 a null item, 1 an empty list, 0 null
 */
import type { BatchTarget } from '../../event/batch.js';
import { setLength } from '../../format/parquet/chunk-body.js';
import { writePacked } from '../../format/parquet/levels.js';
import type { Vector } from './vectors.js';

/** Writes a page; answers how many entries it has: rows, or of lists items and what stands for none. */
export function writePage(target: BatchTarget, vector: Vector): number {
  const { values, rows } = vector;
  if (values.kind !== 'list') {
    writeLevels(
      target,
      Array.from({ length: rows }, (_, row) => (isThere(vector, row) ? 1 : 0)),
      1,
    );
    writeValues(target, vector);
    return rows;
  }
  const repetition: number[] = [];
  const definition: number[] = [];
  for (let row = 0; row < rows; row++) {
    const [from, to] = [values.offsets[row]!, values.offsets[row + 1]!];
    if (from === to) {
      repetition.push(0);
      definition.push(isThere(vector, row) ? 1 : 0);
    }
    for (let item = from; item < to; item++) {
      repetition.push(item === from ? 0 : 1);
      definition.push(isThere(values.items, item) ? 3 : 2);
    }
  }
  writeLevels(target, repetition, 1);
  writeLevels(target, definition, 2);
  writeValues(target, values.items);
  return repetition.length;
}

function isThere({ valid, nulls }: Vector, row: number): boolean {
  return nulls === 0 || ((valid[row >> 3]! >> (row & 7)) & 1) === 1;
}

function writeLevels(target: BatchTarget, levels: readonly number[], bitWidth: number): void {
  target.reserve(4);
  const at = target.position;
  target.position += 4;
  writePacked(target, levels, levels.length, bitWidth);
  setLength(target, at);
}

function writeValues(target: BatchTarget, vector: Vector): void {
  const { values, rows } = vector;
  if (values.kind === 'bits') return writeBits(target, vector, values.bits);
  for (let row = 0; row < rows; row++) {
    if (!isThere(vector, row)) continue;
    switch (values.kind) {
      case 'int32':
        put(target, values.numbers, row, 4);
        break;
      case 'int64':
      case 'double':
        put(target, values.numbers, row, 8);
        break;
      case 'int128':
        putReversed(target, values.words, row);
        break;
      case 'bytes': {
        const [from, to] = [values.offsets[row]!, values.offsets[row + 1]!];
        target.reserve(4 + to - from);
        for (let i = 0; i < 4; i++) target.bytes[target.position++] = (to - from) >>> (8 * i);
        target.bytes.set(values.data.subarray(from, to), target.position);
        target.position += to - from;
        break;
      }
      case 'list':
        throw new TypeError('a list of lists is no type of the language');
    }
  }
}

/** Numbers are little-endian in memory, as they are in the file. */
function put(target: BatchTarget, numbers: ArrayBufferView, row: number, bytes: number): void {
  target.reserve(bytes);
  const from = numbers.byteOffset + row * bytes;
  target.bytes.set(new Uint8Array(numbers.buffer as ArrayBuffer, from, bytes), target.position);
  target.position += bytes;
}

/** Decimals are big-endian. */
function putReversed(target: BatchTarget, words: BigUint64Array, row: number): void {
  target.reserve(16);
  const from = new Uint8Array(words.buffer, words.byteOffset + row * 16, 16);
  for (let i = 15; i >= 0; i--) target.bytes[target.position++] = from[i]!;
}

function writeBits(target: BatchTarget, vector: Vector, bits: Uint8Array): void {
  target.reserve((vector.rows + 7) >> 3);
  let held = 0;
  let count = 0;
  for (let row = 0; row < vector.rows; row++) {
    if (!isThere(vector, row)) continue;
    held |= ((bits[row >> 3]! >> (row & 7)) & 1) << count;
    if (++count < 8) continue;
    target.bytes[target.position++] = held;
    held = 0;
    count = 0;
  }
  if (count > 0) target.bytes[target.position++] = held;
}
