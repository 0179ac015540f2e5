/** BYTE_ARRAY values one by one, and their bounds. */
import type { BatchTarget } from '../../event/batch.js';
import type { TextBounds } from '../../event/text-bounds.js';
import { BOUND_BYTES_MAX, type Chunk } from './chunk-body.js';

/** One value, plain: u32 length and bytes. */
export function writeOne(body: BatchTarget, data: Uint8Array, from: number, to: number): void {
  const length = to - from;
  body.reserve(length + 4);
  const bytes = body.bytes;
  let at = body.position;
  bytes[at] = length;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length >>> 16;
  bytes[at + 3] = length >>> 24;
  at += 4;
  if (length < 64) for (let i = from; i < to; i++) bytes[at++] = data[i]!;
  else bytes.set(data.subarray(from, to), at);
  body.position += length + 4;
}

/** The bounds of a chunk, unless they are so long that they help nobody. */
export function setBounds(chunk: Chunk, { min, max, any }: TextBounds): void {
  if (!any || min.length > BOUND_BYTES_MAX || max.length > BOUND_BYTES_MAX) return;
  chunk.min = min;
  chunk.max = max;
}
