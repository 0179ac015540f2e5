/**
 * Parquet's hybrid of run lengths and bit packing, used for levels and dictionary codes.
 *
 * A run of n equal values: varint(n << 1), then the value in whole bytes. A packed run of g groups
 * of 8: varint(g << 1 | 1), then g * bitWidth bytes, lowest bits first.
 */
import type { BatchTarget } from '../../event/batch.js';

/** Bits needed for values up to `largest`; at least 1, which every reader knows. */
export function bitWidthOf(largest: number): number {
  return Math.max(1, 32 - Math.clz32(largest));
}

function writeVarint(target: BatchTarget, value: number): void {
  let rest = value;
  for (; rest > 127; rest >>>= 7) target.bytes[target.position++] = (rest & 127) | 128;
  target.bytes[target.position++] = rest;
}

/** One run of `count` times `value`, which is less than 256. */
export function writeRun(target: BatchTarget, value: number, count: number): void {
  target.reserve(8);
  writeVarint(target, count * 2);
  target.bytes[target.position++] = value;
}

/** `count` values of at most `bitWidth` (up to 16) bits, packed. */
export function writePacked(target: BatchTarget, values: ArrayLike<number>, count: number, bitWidth: number): void {
  const groups = (count + 7) >> 3;
  target.reserve(8 + groups * bitWidth);
  writeVarint(target, groups * 2 + 1);
  const { bytes } = target;
  const end = target.position + groups * bitWidth;
  let at = target.position;
  let held = 0;
  let bits = 0;
  if (bitWidth === 8) for (let i = 0; i < count; i++) bytes[at++] = values[i]!;
  else
    for (let i = 0; i < count; i++) {
      held |= values[i]! << bits;
      bits += bitWidth;
      while (bits >= 8) {
        bytes[at++] = held;
        held >>>= 8;
        bits -= 8;
      }
    }
  if (bits > 0) bytes[at++] = held;
  while (at < end) bytes[at++] = 0;
  target.position = end;
}

/** `count` bits of a bitmap, inverted: nulls become definition levels of width 1. */
export function writeInverted(target: BatchTarget, nulls: Uint8Array, at: number, count: number): void {
  const groups = (count + 7) >> 3;
  target.reserve(8 + groups);
  writeVarint(target, groups * 2 + 1);
  for (let i = 0; i < groups; i++) target.bytes[target.position + i] = ~nulls[at + i]!;
  target.position += groups;
  const rest = count & 7;
  if (rest !== 0) target.bytes[target.position - 1]! &= (1 << rest) - 1;
}

/** Reads `count` values of `bitWidth` bits from `bytes[start ..]` into `target`; answers where they end. */
export function readHybrid(
  bytes: Uint8Array,
  start: number,
  bitWidth: number,
  count: number,
  target: Uint8Array | Uint16Array | Uint32Array,
): number {
  let at = start;
  let out = 0;
  while (out < count) {
    let header = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      header += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    if (header % 2 === 0) {
      let value = 0;
      for (let i = 0; i < (bitWidth + 7) >> 3; i++) value |= bytes[at++]! << (8 * i);
      const end = Math.min(count, out + header / 2);
      target.fill(value, out, end);
      out = end;
    } else {
      const values = Math.min(count - out, ((header - 1) / 2) * 8);
      unpack(bytes, at, bitWidth, values, target, out);
      at += ((header - 1) / 2) * bitWidth;
      out += values;
    }
  }
  return at;
}

function unpack(
  bytes: Uint8Array,
  start: number,
  bitWidth: number,
  count: number,
  target: Uint8Array | Uint16Array | Uint32Array,
  out: number,
): void {
  const mask = (1 << bitWidth) - 1;
  let at = start;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < count; i++) {
    while (bits < bitWidth) {
      held |= bytes[at++]! << bits;
      bits += 8;
    }
    target[out + i] = held & mask;
    held >>>= bitWidth;
    bits -= bitWidth;
  }
}
