/**
 * Where the batches of a segment are: for each partition a list in the order of the log.
 *
 * A sealed segment's footer holds it ready; for the active one it grows by scanning the commits
 * behind the last one seen, up to the durable end. Seven numbers a batch, in one typed array a
 * partition, so that a segment of single-event commits costs megabytes and not a heap of objects.
 */
import type { DirectoryEntry } from './layout.js';

const FIELDS = 7;

/** The batches of one partition in one segment. */
export class PartitionIndex {
  readonly streamId: number;
  readonly partition: number;
  count = 0;
  #data = new Float64Array(16 * FIELDS);

  constructor(streamId: number, partition: number) {
    this.streamId = streamId;
    this.partition = partition;
  }

  /** Adds an entry whose `at` counts from the segment's start. */
  push(entry: DirectoryEntry, at: number): void {
    if ((this.count + 1) * FIELDS > this.#data.length) {
      const larger = new Float64Array(this.#data.length * 2);
      larger.set(this.#data);
      this.#data = larger;
    }
    const o = this.count++ * FIELDS;
    this.#data[o] = at;
    this.#data[o + 1] = entry.bytes;
    this.#data[o + 2] = entry.baseOffset;
    this.#data[o + 3] = entry.rows;
    this.#data[o + 4] = entry.schemaVersion * 4 + entry.kind;
    this.#data[o + 5] = entry.receivedAt;
    this.#data[o + 6] = entry.clockTotalMs;
  }

  /** Where batch `i` starts in the segment. */
  at(i: number): number {
    return this.#data[i * FIELDS]!;
  }

  bytes(i: number): number {
    return this.#data[i * FIELDS + 1]!;
  }

  baseOffset(i: number): number {
    return this.#data[i * FIELDS + 2]!;
  }

  rows(i: number): number {
    return this.#data[i * FIELDS + 3]!;
  }

  /** Offset behind batch `i`. */
  end(i: number): number {
    return this.baseOffset(i) + this.rows(i);
  }

  kind(i: number): number {
    return this.#data[i * FIELDS + 4]! & 3;
  }

  /** Batch `i` as a directory entry, positions from the segment's start. */
  entry(i: number): DirectoryEntry {
    const [at, bytes, baseOffset, rows, packed, receivedAt, clockTotalMs] = this.#data.subarray(
      i * FIELDS,
      (i + 1) * FIELDS,
    );
    return {
      streamId: this.streamId,
      partition: this.partition,
      at: at!,
      bytes: bytes!,
      baseOffset: baseOffset!,
      rows: rows!,
      schemaVersion: packed! >> 2,
      kind: packed! & 3,
      receivedAt: receivedAt!,
      clockTotalMs: clockTotalMs!,
    };
  }

  /** The first batch with rows at or behind `offset`, or a record without rows at or behind it. */
  find(offset: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows(middle) === 0 ? this.baseOffset(middle) < offset : this.end(middle) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** The batches of a segment. */
export class SegmentIndex {
  readonly #partitions = new Map<number, PartitionIndex>();

  /** The list of a partition; empty and growing when there is none yet. */
  of(streamId: number, partition: number): PartitionIndex {
    const key = streamId * 65_536 + partition;
    let list = this.#partitions.get(key);
    if (list === undefined) this.#partitions.set(key, (list = new PartitionIndex(streamId, partition)));
    return list;
  }

  /** Adds entries whose positions count from `base`. */
  add(entries: readonly DirectoryEntry[], base: number): void {
    for (const entry of entries) this.of(entry.streamId, entry.partition).push(entry, base + entry.at);
  }

  /** Every list that is not empty. */
  all(): PartitionIndex[] {
    return [...this.#partitions.values()].filter((list) => list.count > 0);
  }
}
