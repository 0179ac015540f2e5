/**
 * Gathers the rows of a delivery into cuts.
 *
 * Rows go into the open cut until it is sealed by size, by rows or by age. After a restart the cuts
 * that were planned are formed first, from the same rows: a batch that reaches over a planned end is
 * divided there.
 *
 * Invariants
 * - Cuts are in order: the next begins where the one before ends, in every partition.
 * - Rows of one cut are in the order of (stream, partition, offset), whatever the order of reading.
 *
 * Limits: what is held is what the delivery has taken and not delivered; the stage stops taking at
 * `DeliveryStage.ready`.
 */
import type { EdgeCounts } from '../event/edges.js';
import type { Log, LogBatch, LostRows, Position } from '../log/log.js';
import { positionKey } from '../log/reader-inputs.js';
import type { PlannedCut } from './cut.js';
import { sliceCount, type PlacedSlice } from './rows.js';

/** A cut while it is formed and delivered. */
export interface FormingCut {
  readonly number: number;
  readonly from: Map<string, Position>;
  /** Where each partition stands; where it will end, for one that is planned. */
  readonly to: Map<string, Position>;
  readonly slices: PlacedSlice[];
  rows: number;
  /** What was read, filtered and dropped on the way here. */
  readonly edges: EdgeCounts;
  /** Failed before the sink saw them: a filter that can't be evaluated, a redriven event that can't be read. */
  readonly failures: PreparedFailure[];
  /** Monotonic, ms, of its first row. */
  openedAt: number;
  /** Partitions of a planned cut that have not reached their end. */
  readonly missing: Set<string>;
}

/** A row that failed before it came to the sink. */
export interface PreparedFailure {
  readonly slice: PlacedSlice;
  readonly row: number;
  readonly error: Error;
  /** Of a redriven event that can't be read: as it was, since the slice does not hold it. */
  readonly unread?: { readonly tenant: string; readonly eventId: string | null; readonly original: Uint8Array };
}

/** What a batch becomes on its way into a cut. */
export interface PreparedRows {
  readonly slices: readonly PlacedSlice[];
  readonly failures: readonly PreparedFailure[];
}

/** What the cutter needs. */
export interface CutterInput {
  /** Rows `first` up to `end` of a batch, filtered and counted into `edges`. */
  readonly prepare: (batch: LogBatch, first: number, end: number, edges: EdgeCounts) => PreparedRows;
  readonly makeEdges: () => EdgeCounts;
  readonly monotonic: () => number;
}

/** Forms cuts. */
export class Cutter {
  readonly #input: CutterInput;
  readonly #at: Map<string, Position>;
  #planned: FormingCut[] = [];
  #open: FormingCut;
  #number: number;

  /** Starts at `from`, the positions of all partitions, with cuts that are planned from there on. */
  constructor(input: CutterInput, from: readonly Position[], planned: readonly PlannedCut[], number: number) {
    this.#input = input;
    this.#at = positionMap(from);
    this.#number = number;
    for (const cut of planned) {
      const forming = this.#begin(cut.number, positionMap(cut.from));
      for (const position of cut.to) {
        const key = positionKey(position);
        forming.to.set(key, position);
        if (position.offset > (this.#at.get(key)?.offset ?? 0)) forming.missing.add(key);
      }
      this.#planned.push(forming);
    }
    this.#open = this.#begin(this.#number, positionMap(planned.at(-1)?.to ?? from));
  }

  /** The cut that takes rows now. */
  get open(): Readonly<FormingCut> {
    return this.#open;
  }

  /** Whether planned cuts are still being formed. */
  get reforming(): boolean {
    return this.#planned.length > 0;
  }

  /** Takes a batch; answers planned cuts that it completed. */
  add(batch: LogBatch): FormingCut[] {
    const key = positionKey(batch);
    let at = this.#at.get(key)?.offset ?? batch.baseOffset;
    const end = batch.baseOffset + batch.rows;
    for (const cut of this.#planned) {
      const to = cut.to.get(key)?.offset ?? at;
      if (at < to && at < end) at = this.#take(cut, batch, at, Math.min(to, end));
    }
    if (at < end) this.#take(this.#open, batch, at, end);
    this.#moved(batch, end);
    return this.#completed();
  }

  /** Rows that will never come; answers planned cuts that this completed. */
  skip({ stream, partition, to }: LostRows): FormingCut[] {
    this.#moved({ stream, partition }, to);
    return this.#completed();
  }

  /** Closes the open cut, if it has any row or moved at all. */
  seal(): FormingCut | null {
    const cut = this.#open;
    if (this.reforming || [...cut.to].every(([key, { offset }]) => offset === (cut.from.get(key)?.offset ?? offset)))
      return null;
    this.#number = cut.number + 1;
    this.#open = this.#begin(this.#number, new Map(cut.to));
    cut.slices.sort(inOrder);
    return cut;
  }

  #take(cut: FormingCut, batch: LogBatch, from: number, to: number): number {
    const { slices, failures } = this.#input.prepare(batch, from - batch.baseOffset, to - batch.baseOffset, cut.edges);
    if (cut.openedAt < 0) cut.openedAt = this.#input.monotonic();
    cut.failures.push(...failures);
    for (const slice of slices) {
      cut.slices.push(slice);
      cut.rows += sliceCount(slice);
    }
    return to;
  }

  #moved({ stream, partition }: { stream: string; partition: number }, offset: number): void {
    const key = positionKey({ stream, partition });
    if (offset <= (this.#at.get(key)?.offset ?? -1)) return;
    const position = { stream, partition, offset };
    this.#at.set(key, position);
    for (const cut of this.#planned) if ((cut.to.get(key)?.offset ?? 0) <= offset) cut.missing.delete(key);
    const lastEnd = this.#planned.at(-1)?.to.get(key)?.offset ?? 0;
    if (offset >= lastEnd) this.#open.to.set(key, position);
  }

  #completed(): FormingCut[] {
    const done: FormingCut[] = [];
    while (this.#planned[0]?.missing.size === 0) {
      const cut = this.#planned.shift()!;
      cut.slices.sort(inOrder);
      done.push(cut);
    }
    return done;
  }

  #begin(number: number, from: Map<string, Position>): FormingCut {
    return {
      number,
      from,
      to: new Map(from),
      slices: [],
      rows: 0,
      edges: this.#input.makeEdges(),
      failures: [],
      openedAt: -1,
      missing: new Set(),
    };
  }
}

/** The positions of all partitions of some streams: at what is known, else at the oldest row. */
export function allPositions(log: Log, streams: readonly string[], known: readonly Position[]): Position[] {
  const at = positionMap(known);
  return streams.flatMap((stream) =>
    Array.from({ length: log.stream(stream)?.partitions ?? 0 }, (_, partition) => {
      const found = at.get(positionKey({ stream, partition }));
      return found ?? { stream, partition, offset: log.range(stream, partition).start };
    }),
  );
}

function positionMap(positions: readonly Position[]): Map<string, Position> {
  return new Map(
    positions.map(({ stream, partition, offset }) => [
      positionKey({ stream, partition }),
      { stream, partition, offset },
    ]),
  );
}

function inOrder(a: PlacedSlice, b: PlacedSlice): number {
  if (a.stream !== b.stream) return a.stream < b.stream ? -1 : 1;
  return a.partition - b.partition || a.baseOffset - b.baseOffset;
}
