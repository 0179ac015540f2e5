/**
 * A cut: the rows from one vector of positions to another, delivered as a whole.
 *
 * The range is fixed, and committed, before anything of it goes out. So whatever is sent again after
 * a crash is made of the very same rows, and every id that is derived from the range is the same.
 */
import { createHash } from 'node:crypto';
import { positionKey } from '../log/reader-inputs.js';
import type { Position } from '../log/log.js';

/** A cut that is committed to the log. */
export interface PlannedCut {
  /** Counts up over the life of the delivery. */
  readonly number: number;
  /** The next row of each partition of each input, where the cut begins and ends. */
  readonly from: readonly Position[];
  readonly to: readonly Position[];
}

/** The range as text, partitions in order: `events/0:100-250,events/1:7-9`. Partitions without rows are left out. */
export function rangeText({ from, to }: Pick<PlannedCut, 'from' | 'to'>): string {
  const starts = new Map(from.map((position) => [positionKey(position), position.offset]));
  return to
    .map((position) => ({
      key: positionKey(position),
      start: starts.get(positionKey(position)) ?? 0,
      end: position.offset,
    }))
    .filter(({ start, end }) => end > start)
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ key, start, end }) => `${key}:${start}-${end}`)
    .join(',');
}

/** A UUID (version 8, RFC 9562) made from texts: the same texts give the same id. */
export function derivedId(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}:${text}`);
  const bytes = hash.digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
