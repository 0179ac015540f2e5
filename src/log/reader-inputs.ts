/** Where a reader loop stands in its input streams: one cursor a partition, positions, replay and skips. */
import { aborted } from '../io/pause.js';
import { MillraceError } from '../util/errors.js';
import type { ArrivalClock, Log, LogBatch, LogCursor, LostRows, Position, ReaderState } from './log.js';

/** One partition of an input. */
export interface Input {
  readonly stream: string;
  readonly partition: number;
  cursor: LogCursor;
  position: number;
  /** Advances of an idle stream's clock that were processed. */
  clockTotalMs: number;
  /** Replay ends here (C). */
  readonly replayTo: number;
  readonly replayClockTo: number;
}

/** What the inputs tell the loop. */
export interface InputEvents {
  skipped(rows: LostRows): void;
}

/** The inputs of one reader. */
export class ReaderInputs {
  readonly all: readonly Input[];
  readonly #log: Log;
  readonly #events: InputEvents;

  /** Opens every partition at `from`, else at what is committed, else at its oldest row. */
  constructor(
    log: Log,
    id: string,
    streams: readonly string[],
    from: readonly Position[],
    committed: ReaderState | undefined,
    events: InputEvents,
  ) {
    this.#log = log;
    this.#events = events;
    const starts = positionMap(from);
    const ends = positionMap(committed?.positions ?? from);
    const inputs: Input[] = [];
    for (const stream of streams) {
      const definition = log.stream(stream);
      if (definition === undefined)
        throw new MillraceError('STREAM_UNKNOWN', `reader ${id}: there is no stream '${stream}'`);
      for (let partition = 0; partition < definition.partitions; partition++)
        inputs.push(this.#open(stream, partition, starts, ends));
    }
    this.all = inputs;
  }

  /** Whether some input has not yet reached what is committed. */
  get replaying(): boolean {
    return this.all.some((input) => input.position < input.replayTo);
  }

  /** The next batch of an input; null when there is none yet. Rows that retention took are skipped. */
  next(input: Input): LogBatch | null {
    try {
      const batch = input.cursor.next();
      if (batch === null && input.cursor.position > input.position) {
        this.skip(input, input.position, input.cursor.position);
        input.position = input.cursor.position;
      }
      return batch;
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'OFFSET_OUT_OF_RANGE') throw error;
      const { start } = this.#log.range(input.stream, input.partition);
      this.skip(input, input.position, start);
      input.cursor.close();
      input.cursor = this.#log.cursor(input.stream, input.partition, start);
      input.position = start;
      return null;
    }
  }

  /** Tells of rows that will never come. */
  skip({ stream, partition }: { stream: string; partition: number }, from: number, to: number): void {
    if (to > from) this.#events.skipped({ stream, partition, from, to });
  }

  /** Replay is over: clock records up to what is committed have been processed. */
  endReplay(): void {
    for (const input of this.all)
      if (input.position === input.replayTo) input.clockTotalMs = Math.max(input.clockTotalMs, input.replayClockTo);
  }

  /** Whether everything below a clock's ends has been processed. */
  hasRead(stream: string, clock: ArrivalClock): boolean {
    return this.all.every((input) => input.stream !== stream || input.position >= (clock.ends[input.partition] ?? 0));
  }

  positions(): Position[] {
    return this.all.map(({ stream, partition, position, clockTotalMs }) =>
      clockTotalMs === 0
        ? { stream, partition, offset: position }
        : { stream, partition, offset: position, clockTotalMs },
    );
  }

  /** Durable rows that were not processed yet. */
  lagRows(): number {
    return this.all.reduce(
      (sum, input) => sum + Math.max(0, this.#log.range(input.stream, input.partition).end - input.position),
      0,
    );
  }

  /**
   * Resolves when some input may have something (asked for only when `ready`), or `signal` aborts. While `replaying`,
   * inputs that are at their end wait for the others: nobody asks them, so they would say at once that they may.
   */
  async wait(signal: AbortSignal, { ready, replaying }: { ready: boolean; replaying: boolean }): Promise<void> {
    const asked = this.all.filter((input) => ready && !(replaying && input.position >= input.replayTo));
    await Promise.race([aborted(signal), ...asked.map((input) => input.cursor.wait(signal))]);
  }

  close(): void {
    for (const input of this.all) input.cursor.close();
  }

  #open(
    stream: string,
    partition: number,
    starts: ReadonlyMap<string, Position>,
    ends: ReadonlyMap<string, Position>,
  ): Input {
    const name = positionKey({ stream, partition });
    const { start } = this.#log.range(stream, partition);
    const committed = ends.get(name);
    const wanted = starts.get(name) ?? committed;
    const position = Math.max(wanted?.offset ?? start, start);
    if (wanted !== undefined) this.skip({ stream, partition }, wanted.offset, start);
    return {
      stream,
      partition,
      cursor: this.#log.cursor(stream, partition, position),
      position,
      clockTotalMs: wanted?.clockTotalMs ?? 0,
      replayTo: Math.max(committed?.offset ?? position, start),
      replayClockTo: committed?.clockTotalMs ?? 0,
    };
  }
}

/** Names a partition. */
export function positionKey(position: { readonly stream: string; readonly partition: number }): string {
  return `${position.stream}/${position.partition}`;
}

function positionMap(positions: readonly Position[]): Map<string, Position> {
  return new Map(positions.map((position) => [positionKey(position), position]));
}
