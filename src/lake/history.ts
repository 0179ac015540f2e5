/**
 * The log as a reader sees it that begins below the log's start: the lake's rows first, then the log's.
 *
 * Where a reader's history begins was decided once and is remembered with it, so that whatever begins anew reads the
 * same rows again. Below the log's start rows come from the lake (`history-feed.ts`), from there on from the log's own
 * cursor. The reader's place is held in the log as any reader's is, so that retention takes nothing that the lake does
 * not hold yet; what a stream's bound takes all the same is looked for in the lake, and is skipped and counted where
 * that does not have it either.
 *
 * Only for streams that go by the clock of arrival: the lake does not hold the records by which an event clock is
 * moved on.
 */
import type { Log, LogBatch, LogCursor, StreamDefinition } from '../log/log.js';
import { MillraceError } from '../util/errors.js';
import { HistoryFeed, type HistorySource } from './history-feed.js';
import { reachOf } from './reach.js';

/** Where a reader's history begins: offsets by `stream/partition`. Left out: with the log. */
export type HistoryFrom = Readonly<Record<string, number>>;

/** `log` as a reader sees it whose history begins at `from`. */
export function withHistory(log: Log, source: HistorySource, from: HistoryFrom): Log {
  const starts = new Map<string, readonly number[]>();
  /** Where lake and log are one, as it was when it was asked first. */
  const startOf = (stream: string, partition: number): number => {
    const { start } = log.range(stream, partition);
    const begin = from[`${stream}/${partition}`];
    if (begin === undefined || begin >= start) return start;
    if (!starts.has(stream)) starts.set(stream, joined(log, source, stream));
    return Math.min(start, Math.max(begin, starts.get(stream)![partition]!));
  };
  return {
    append: (group) => log.append(group),
    cursor: (stream, partition, offset) =>
      from[`${stream}/${partition}`] !== undefined
        ? new HistoryCursor(log, source, { stream, partition }, offset)
        : log.cursor(stream, partition, offset),
    stream: (name) => log.stream(name),
    streams: () => log.streams(),
    range: (stream, partition) => ({ ...log.range(stream, partition), start: startOf(stream, partition) }),
    arrivalClock: (stream) => log.arrivalClock(stream),
    reader: (id) => log.reader(id),
    holds: (id) => log.holds(id),
    registerReader: (id, positions) => log.registerReader(id, positions),
    removeReader: (id) => log.removeReader(id),
  };
}

function joined(log: Log, { catalog }: HistorySource, stream: string): readonly number[] {
  const starts = startsOf(log, log.stream(stream)!);
  const snapshot = catalog.snapshot(stream);
  return snapshot === undefined ? starts : reachOf(snapshot, starts).from;
}

/** The oldest offset that the log keeps of each partition. */
export function startsOf(log: Pick<Log, 'range'>, { name, partitions }: StreamDefinition): number[] {
  return Array.from({ length: partitions }, (_, partition) => log.range(name, partition).start);
}

/** Reads the lake below the log's start, then the log. */
class HistoryCursor implements LogCursor {
  readonly #log: Log;
  readonly #source: HistorySource;
  readonly #place: { readonly stream: string; readonly partition: number };
  #feed: HistoryFeed | null = null;
  #own: LogCursor | null = null;
  #position: number;
  #closed = false;

  constructor(
    log: Log,
    source: HistorySource,
    place: { readonly stream: string; readonly partition: number },
    offset: number,
  ) {
    this.#log = log;
    this.#source = source;
    this.#place = place;
    this.#position = offset;
  }

  get position(): number {
    return this.#own?.position ?? this.#position;
  }

  get leads(): boolean {
    return this.#own?.leads ?? false;
  }

  next(): LogBatch | null {
    while (!this.#closed)
      try {
        return this.#own === null ? this.#nextOfLake() : this.#own.next();
      } catch (error) {
        if (!(error instanceof MillraceError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error;
        // Taken by the stream's bound meanwhile: the lake may have it.
        this.#position = this.position;
        this.#own?.close();
        this.#own = null;
      }
    return null;
  }

  /** Of the lake below the log's start; from there on the log's own cursor takes over. */
  #nextOfLake(): LogBatch | null {
    const { partition, stream } = this.#place;
    const { start } = this.#log.range(stream, partition);
    if (this.#position < start) {
      this.#feed ??= new HistoryFeed(this.#source, () => this.#log.stream(stream)!, partition, this.#position);
      const batch = this.#feed.next(start);
      this.#position = this.#feed.position;
      if (batch !== null || this.#position < start) return batch;
    }
    this.#feed?.close();
    this.#feed = null;
    this.#own = this.#log.cursor(stream, partition, this.#position);
    return this.#own.next();
  }

  async wait(signal?: AbortSignal): Promise<void> {
    if (this.#own !== null) return this.#own.wait(signal);
    await Promise.race([this.#feed?.wait(), aborted(signal)]);
  }

  close(): void {
    this.#closed = true;
    this.#feed?.close();
    this.#own?.close();
  }
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    else signal?.addEventListener('abort', () => resolve(), { once: true });
  });
}
