/**
 * The tables that a fused view looks its rows up in, as inputs of its stage: batches of the stream and of the tables
 * take turns by their stamps (`relational/stamp-order.ts`), so that a row meets the table as it was when it came.
 *
 * Recovery: no snapshot has the tables. Their streams are read again from the oldest row at every start, and the
 * reader holds all of them: for a dimension, which is small and changes little, that is less than keeping it twice.
 */
import type { ArrivalClock, Log, LogBatch, Position } from '../log/log.js';
import type { PlanLookup } from '../sql/plan.js';
import { StampOrder } from './relational/stamp-order.js';

/** Turns of one view's inputs. */
export class TableTurns {
  /** Names of the tables' streams. */
  readonly tables: readonly string[];
  readonly #log: Log;
  readonly #order: StampOrder;

  constructor(log: Log, source: string, lookups: readonly PlanLookup[]) {
    this.#log = log;
    this.tables = [...new Set(lookups.map((lookup) => lookup.source))];
    this.#order = new StampOrder([...this.tables, source].map((name) => log.stream(name)!));
  }

  /** Where the tables begin. */
  oldest(): Position[] {
    return this.tables.flatMap((stream) => oldestOf(this.#log, stream));
  }

  /** Whether it takes more. */
  get isReady(): boolean {
    return this.#order.isReady;
  }

  /** Whether nothing waits: what was read has had its turn. */
  get isEmpty(): boolean {
    return this.#order.rows === 0;
  }

  add(batch: LogBatch): void {
    this.#order.add(batch);
  }

  /** What the log says of a stream, `offsets` being the next row to be read of each partition. */
  tick(stream: string, clock: ArrivalClock, offsets: readonly number[]): void {
    this.#order.tick(stream, clock, offsets);
  }

  /** Batches whose turn has come; `all`: whatever may still come, those that are here. */
  *due(all: boolean): Iterable<LogBatch> {
    const next = (): LogBatch | undefined => (all ? this.#order.nextOfAll() : this.#order.next());
    for (let batch = next(); batch !== undefined; batch = next()) yield batch;
  }
}

/** The oldest rows of a stream, by partition. */
export function oldestOf(log: Log, stream: string): Position[] {
  return Array.from({ length: log.stream(stream)!.partitions }, (_, partition) => ({
    stream,
    partition,
    offset: log.range(stream, partition).start,
  }));
}
