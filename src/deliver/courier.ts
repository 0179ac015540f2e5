/**
 * Brings one cut to the sink: requests, retries, halves, the breaker, the deadline.
 *
 * | the sink says | then |
 * |---|---|
 * | rows taken | they are delivered |
 * | a row refused | it goes to the quarantine; the others of the request are not touched |
 * | a row to be sent again | it is, alone with others like it, after a pause |
 * | `Refused`, divisible | the request goes out again in halves, down to the row at fault |
 * | `Refused` | all its rows go to the quarantine |
 * | anything else | the request goes out again, after a pause that doubles, with jitter, or when the sink says |
 *
 * A request that still fails at the deadline goes to the quarantine; without a deadline it is tried
 * for ever, because the log keeps the rows.
 *
 * Limits: `requestsMax` requests at once; what a request holds is a part of the cut.
 */
import type { DeliveryRetryOptions } from '../config/options.js';
import type { Clock } from '../io/clock.js';
import { pause } from '../io/pause.js';
import type { Random } from '../io/random.js';
import { MillraceError, type ErrorCode } from '../util/errors.js';
import type { Breaker } from './breaker.js';
import { derivedId } from './cut.js';
import { Receipt, ROW } from './receipt.js';
import type { CutRows } from './rows.js';
import { ComeAgain, Refused, type CutPlace, type Sink } from './sink.js';

/** What became of a cut. */
export interface CutOutcome {
  /** Marks of all rows of the cut. */
  readonly receipt: Receipt;
  /** How often the rows at fault were tried, by number. */
  readonly attempts: ReadonlyMap<number, number>;
  readonly startedMs: number;
  readonly endedMs: number;
}

/** What the courier works with. */
export interface CourierInput {
  readonly sink: Sink;
  readonly breaker: Breaker;
  readonly retry: DeliveryRetryOptions;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of every failed attempt. */
  readonly onFailure: (error: unknown) => void;
  readonly onRetry: () => void;
}

interface Part {
  readonly rows: CutRows;
  /** Numbers of the rows in the cut; null: from `first` on. */
  readonly numbers: Uint32Array | null;
  readonly first: number;
  readonly name: string;
}

/** Brings cuts to one sink. */
export class Courier {
  readonly #input: CourierInput;

  constructor(input: CourierInput) {
    this.#input = input;
  }

  /** Resolves when every row is taken, refused, or was not spoken of. Rejects only when `signal` aborts. */
  async bring(rows: CutRows, place: CutPlace, signal: AbortSignal): Promise<CutOutcome> {
    const { sink, clock } = this.#input;
    const outcome = { receipt: new Receipt(rows.count), attempts: new Map<number, number>() };
    const startedMs = clock.now();
    let first = 0;
    const parts = sink.requests(rows).map((part, index): Part => {
      const at = first;
      first += part.count;
      return { rows: part, numbers: null, first: at, name: String(index) };
    });
    const waiting = parts.values();
    const run = async (): Promise<void> => {
      for (const part of waiting) await this.#bringPart(part, place, outcome, startedMs, signal);
    };
    const runners = Array.from({ length: Math.min(sink.requestsMax, parts.length) }, run);
    await settle(runners);
    return { ...outcome, startedMs, endedMs: clock.now() };
  }

  async #bringPart(
    part: Part,
    place: CutPlace,
    outcome: { receipt: Receipt; attempts: Map<number, number> },
    startedMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { sink, breaker, clock, onFailure, onRetry } = this.#input;
    let left = part;
    for (let attempt = 0; ; attempt++) {
      await breaker.enter(signal);
      signal.throwIfAborted();
      if (attempt > 0) onRetry();
      const receipt = new Receipt(left.rows.count);
      let failure: unknown;
      try {
        const id = derivedId(place.delivery, place.stream, place.range, left.name);
        await sink.send({ id, rows: left.rows, attempt, cut: place }, receipt, signal);
        breaker.succeeded();
      } catch (error) {
        if (signal.aborted) throw error;
        failure = error;
      }
      if (failure instanceof Refused) {
        breaker.succeeded();
        onFailure(failure);
        if (!failure.divisible || left.rows.count === 1)
          return refuseAll(left, outcome, attempt, 'DELIVERY_REFUSED', failure.message);
        for (const half of halves(left)) await this.#bringPart(half, place, outcome, startedMs, signal);
        return;
      }
      if (failure !== undefined) breaker.failed();
      const again = take(left, receipt, outcome, attempt, failure !== undefined);
      if (again === null) return;
      onFailure(failure ?? new Error(`the sink had no room for ${again.rows.count} rows`));
      const pauseMs = this.#pauseMs(attempt, failure);
      const { deadlineMs } = this.#input.retry;
      if (deadlineMs !== null && clock.now() + pauseMs - startedMs > deadlineMs)
        return refuseAll(again, outcome, attempt, 'DELIVERY_GAVE_UP', messageOf(failure));
      left = again;
      await pause(clock, pauseMs, signal);
    }
  }

  /** Doubles from `minMs` to `maxMs`, less up to a quarter by chance, and is never shorter than the sink asks. */
  #pauseMs(attempt: number, failure: unknown): number {
    const { minMs, maxMs } = this.#input.retry;
    const doubled = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
    const [byte] = this.#input.random.fill(new Uint8Array(1));
    const pauseMs = doubled * (1 - byte! / 1024);
    return failure instanceof ComeAgain && failure.afterMs !== null ? Math.max(failure.afterMs, minMs) : pauseMs;
  }
}

/** Takes over what the receipt says; answers the rows to be sent again, or null. */
function take(
  part: Part,
  receipt: Receipt,
  outcome: { receipt: Receipt; attempts: Map<number, number> },
  attempt: number,
  failed: boolean,
): Part | null {
  outcome.receipt.bytes += receipt.bytes;
  outcome.receipt.objects += receipt.objects;
  const again: number[] = [];
  for (let row = 0; row < receipt.rows; row++) {
    const mark = receipt.marks[row]!;
    const number = numberOf(part, row);
    if (mark === ROW.taken) outcome.receipt.take(number);
    else if (mark === ROW.refused) {
      const { code, message } = receipt.refusals.get(row)!;
      outcome.receipt.refuse(number, code, message);
      outcome.attempts.set(number, attempt + 1);
    } else if (mark === ROW.again || failed) again.push(row);
  }
  if (again.length === 0) return null;
  if (again.length === receipt.rows) return part;
  const chosen = Uint32Array.from(again);
  return { ...part, rows: part.rows.pick(chosen), numbers: chosen.map((row) => numberOf(part, row)) };
}

function refuseAll(
  part: Part,
  outcome: { receipt: Receipt; attempts: Map<number, number> },
  attempt: number,
  code: ErrorCode,
  message: string,
): void {
  for (let row = 0; row < part.rows.count; row++) {
    const number = numberOf(part, row);
    outcome.receipt.refuse(number, code, message);
    outcome.attempts.set(number, attempt + 1);
  }
}

function halves(part: Part): Part[] {
  const { count } = part.rows;
  const middle = count >> 1;
  return [
    [0, middle],
    [middle, count],
  ].map(([from, to], index) => ({
    rows: part.rows.part(from!, to!),
    numbers: part.numbers?.subarray(from, to) ?? null,
    first: part.first + from!,
    name: `${part.name}.${index}`,
  }));
}

function numberOf({ numbers, first }: Part, row: number): number {
  return numbers === null ? first + row : numbers[row]!;
}

function messageOf(failure: unknown): string {
  if (failure instanceof MillraceError) return `${failure.code}: ${failure.message}`;
  return failure instanceof Error ? failure.message : String(failure ?? 'the sink had no room');
}

/** Waits for all, then throws what the first that failed threw: none of them goes on behind the caller's back. */
async function settle(runners: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(runners)) if (result.status === 'rejected') throw result.reason;
}
