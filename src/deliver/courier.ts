/**
 * Brings one cut to the sink: requests, retries, halves, the breaker, the deadline.
 *
 * | the sink says | then |
 * |---|---|
 * | rows taken | they are delivered |
 * | a row refused | it goes to the quarantine; the others of the request are not touched |
 * | a row to be sent again | it is, alone with others like it, after a pause |
 * | `Refused`, divisible | the request goes out again in halves, or around a row that it names, down to the row at fault |
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
    const outcome: Outcome = { receipt: new Receipt(rows.count), attempts: new Map() };
    const startedMs = clock.now();
    const started = clock.monotonic();
    let first = 0;
    const parts = sink.requests(rows).map((part, index): Part => {
      const at = first;
      first += part.count;
      return { rows: part, numbers: null, first: at, name: String(index) };
    });
    const waiting = parts.values();
    const run = async (): Promise<void> => {
      for (const part of waiting) await this.#bringPart(part, place, outcome, started, signal);
    };
    const runners = Array.from({ length: Math.min(sink.requestsMax, parts.length) }, run);
    await settle(runners);
    return { ...outcome, startedMs, endedMs: clock.now() };
  }

  async #bringPart(part: Part, place: CutPlace, outcome: Outcome, started: number, signal: AbortSignal): Promise<void> {
    const { breaker, clock, onFailure, onRetry } = this.#input;
    let left = part;
    let pieces: readonly Part[];
    for (let attempt = 0; ; attempt++) {
      const pass = await breaker.enter(signal);
      try {
        signal.throwIfAborted();
        if (attempt > 0) onRetry();
        const receipt = new Receipt(left.rows.count);
        const sent = left.rows;
        const failure = await this.#send(left, place, attempt, receipt, signal);
        const rest = take(left, receipt, outcome, attempt, failure !== null);
        if (failure === null || failure instanceof Refused) breaker.succeeded(pass);
        if (rest === null) return;
        left = rest;
        const error = failure ?? new Error(receipt.whyAgain ?? `the sink had no room for ${left.rows.count} rows`);
        onFailure(error);
        if (error instanceof Refused) {
          if (!error.divisible || left.rows.count === 1)
            return refuseAll(left, outcome, attempt, 'DELIVERY_REFUSED', error.message);
          // A row that it named before some of the rows were marked is not that row any more.
          pieces = piecesOf(left, left.rows === sent ? error.row : null);
          break;
        }
        const pauseMs = this.#pauseMs(attempt, error, clock.monotonic() - started);
        if (pauseMs === null) return refuseAll(left, outcome, attempt, 'DELIVERY_GAVE_UP', messageOf(error));
        if (failure !== null) breaker.failed(pass, pauseMs);
        await pause(clock, pauseMs, signal);
      } finally {
        breaker.leave(pass);
      }
    }
    for (const piece of pieces) await this.#bringPart(piece, place, outcome, started, signal);
  }

  /** Sends once; answers what went wrong, or null. Rejects only when `signal` aborts. */
  async #send(
    { rows, numbers, name }: Part,
    place: CutPlace,
    attempt: number,
    receipt: Receipt,
    signal: AbortSignal,
  ): Promise<Error | null> {
    const id = derivedId(place.delivery, place.stream, place.range, name);
    try {
      await this.#input.sink.send({ id, rows, attempt, isRest: numbers !== null, cut: place }, receipt, signal);
      return null;
    } catch (error) {
      if (signal.aborted) throw error;
      return error instanceof Error ? error : new Error(`the sink failed: ${String(error)}`);
    }
  }

  /**
   * Doubles from `minMs` to `maxMs`, less up to a quarter by chance, and is never shorter than the sink asks.
   * The last one ends at the deadline; behind it there is none (null).
   */
  #pauseMs(attempt: number, failure: Error, elapsedMs: number): number | null {
    const { minMs, maxMs, deadlineMs } = this.#input.retry;
    const doubled = Math.min(maxMs, minMs * 2 ** Math.min(attempt, 30));
    const [byte] = this.#input.random.fill(new Uint8Array(1));
    const isAsked = failure instanceof ComeAgain && failure.afterMs !== null;
    const pauseMs = isAsked ? Math.max(failure.afterMs, minMs) : doubled * (1 - byte! / 1024);
    if (deadlineMs === null) return pauseMs;
    return elapsedMs >= deadlineMs ? null : Math.min(pauseMs, deadlineMs - elapsedMs);
  }
}

interface Outcome {
  readonly receipt: Receipt;
  readonly attempts: Map<number, number>;
}

/** Takes over what the receipt says; answers the rows to be sent again, or null. */
function take(part: Part, receipt: Receipt, outcome: Outcome, attempt: number, failed: boolean): Part | null {
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
  const numbers = chosen.map((row) => numberOf(part, row));
  // Other rows are another request: whoever remembers ids must not take it for the whole.
  return { ...part, rows: part.rows.pick(chosen), numbers, name: `${part.name}/${numbers.join()}` };
}

function refuseAll(part: Part, outcome: Outcome, attempt: number, code: ErrorCode, message: string): void {
  for (let row = 0; row < part.rows.count; row++) {
    const number = numberOf(part, row);
    outcome.receipt.refuse(number, code, message);
    outcome.attempts.set(number, attempt + 1);
  }
}

/**
 * Halves; with a row that is named, that row alone, what is before it, and halves of what is behind it, of
 * which nothing is known yet: so rows that are all at fault cost no more than by halves alone.
 */
function piecesOf(part: Part, row: number | null): readonly Part[] {
  const { count } = part.rows;
  const isNamed = row !== null && row >= 0 && row < count;
  const cuts = isNamed ? [row, row + 1, (row + 1 + count) >> 1] : [count >> 1];
  const name = isNamed ? `${part.name}@${row}` : part.name;
  return [0, ...cuts]
    .map((from, index) => ({
      rows: part.rows.part(from, cuts[index] ?? count),
      numbers: part.numbers?.subarray(from, cuts[index] ?? count) ?? null,
      first: part.first + from,
      // Other rows have another name, whatever the other end names at another time.
      name: `${name}.${index}`,
    }))
    .filter(({ rows }) => rows.count > 0);
}

function numberOf({ numbers, first }: Part, row: number): number {
  return numbers === null ? first + row : numbers[row]!;
}

function messageOf(failure: Error): string {
  return failure instanceof MillraceError ? `${failure.code}: ${failure.message}` : failure.message;
}

/** Waits for all, then throws what the first that failed threw: none of them goes on behind the caller's back. */
async function settle(runners: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(runners)) if (result.status === 'rejected') throw result.reason;
}
