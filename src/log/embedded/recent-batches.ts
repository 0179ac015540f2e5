/**
 * The batches that cursors of a thread read last, for other cursors of the same partition.
 *
 * Readers of one partition read the same batches at about the same time. Whoever comes second gets the first
 * one's object: it is read, and its columns are checked and decoded, already; and what readers keep by batch
 * (`WeakMap<ColumnBatch, …>`) is found again.
 *
 * Limits: the last `BYTES_MAX` of batches, of partitions that have several cursors. A cursor that is further
 * behind reads for itself.
 */
import type { LogBatch } from '../log.js';
import { Companions } from './companions.js';
import type { Standing } from './companions.js';

const BYTES_MAX = 32 * 1024 * 1024;

/** Batches by segment and position. */
export class RecentBatches {
  readonly #partitions = new Map<string, Companions>();
  readonly #batches = new Map<string, { readonly batch: LogBatch; readonly bytes: number }>();
  #bytes = 0;

  /** A cursor begins to read a partition, named the same by all; answers those that do. */
  enter(partition: string, cursor: Standing): Companions {
    let companions = this.#partitions.get(partition);
    if (companions === undefined) this.#partitions.set(partition, (companions = new Companions()));
    companions.add(cursor);
    return companions;
  }

  /** It ends. */
  leave(partition: string, cursor: Standing): void {
    const companions = this.#partitions.get(partition)!;
    companions.delete(cursor);
    if (companions.size === 0) this.#partitions.delete(partition);
    if (this.#partitions.size === 0) {
      this.#batches.clear();
      this.#bytes = 0;
    }
  }

  get(segment: number, position: number): LogBatch | undefined {
    return this.#batches.get(`${segment}/${position}`)?.batch;
  }

  has(segment: number, position: number): boolean {
    return this.#batches.has(`${segment}/${position}`);
  }

  /** Keeps a batch of so many bytes instead of the oldest. */
  add(segment: number, position: number, batch: LogBatch, bytes: number): void {
    const key = `${segment}/${position}`;
    this.#drop(key);
    this.#batches.set(key, { batch, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#batches.keys()) {
      if (this.#bytes <= BYTES_MAX) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const dropped = this.#batches.get(key);
    if (dropped === undefined) return;
    this.#batches.delete(key);
    this.#bytes -= dropped.bytes;
  }
}
