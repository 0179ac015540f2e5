/** What the writers of a chunk's values fill in and share. */
import type { BatchTarget } from '../../event/batch.js';

/** What a chunk turned out to be; its bodies are in the two targets given. */
export interface Chunk {
  /** Values with nulls and empty lists: what Parquet counts. */
  entries: number;
  nullCount: number;
  /** Of the data page. */
  encoding: number;
  /** Entries of the dictionary page; 0 without one. */
  dictionaryEntries: number;
  /** Smallest and largest value as Parquet stores them plainly, or null when unknown. */
  min: Uint8Array | null;
  max: Uint8Array | null;
}

/** Longest text kept as a bound. */
export const BOUND_BYTES_MAX = 256;

/** Writes how many bytes follow `at` into the four there. */
export function setLength(body: BatchTarget, at: number): void {
  const length = body.position - at - 4;
  for (let i = 0; i < 4; i++) body.bytes[at + i] = length >>> (8 * i);
}
