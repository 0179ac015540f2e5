/**
 * Gathers records into invocations, makes several of them at once, and tries failed ones again.
 *
 * An invocation goes out when it has enough records or bytes, or when its oldest record has waited
 * long enough. One that fails is tried again after a pause that doubles; after the last attempt each
 * of its records fails, with attempts and times.
 *
 * Limits: `concurrency` invocations under way; records wait behind them, and whoever adds them asks
 * `bytes` first. `clear` forgets everything: nothing of before is answered any more.
 */
import { createHash } from 'node:crypto';
import type { LambdaOptions } from '../../config/transform-options.js';
import type { Clock } from '../../io/clock.js';
import { pause } from '../../io/pause.js';
import { MillraceError } from '../../util/errors.js';
import type { Failure } from '../work.js';
import {
  invocation,
  PAYLOAD_BYTES_MAX,
  payloadBytes,
  readAnswer,
  recordIds,
  type LambdaRecord,
  type RecordResult,
} from './contract.js';
import { Misconfigured, RecordsRefused, type Invoker } from './invoker.js';

/** What became of a record. */
export type RecordOutcome = RecordResult | { readonly failure: Omit<Failure, 'path'> };

const PAUSE_MIN_MS = 500;
const PAUSE_MAX_MS = 30_000;

interface Waiting {
  readonly record: LambdaRecord;
  readonly bytes: number;
  readonly done: (outcome: RecordOutcome) => void;
  readonly fail: (error: unknown) => void;
}

/** Records on their way to one function. */
export class LambdaBuffer {
  readonly #options: LambdaOptions;
  readonly #name: string;
  readonly #invoker: Invoker;
  readonly #clock: Clock;
  #open: Waiting[] = [];
  #openBytes = 0;
  #cancel: (() => void) | null = null;
  #cut: Waiting[][] = [];
  #running = 0;
  #count = 0;
  #held = 0;
  #stop = new AbortController();

  constructor(options: LambdaOptions, name: string, invoker: Invoker, clock: Clock) {
    this.#options = options;
    this.#name = name;
    this.#invoker = invoker;
    this.#clock = clock;
  }

  /** Bytes of all records that wait or are under way. */
  get bytes(): number {
    return this.#held;
  }

  /** Adds records; resolves when each has its outcome, rejects where the configuration is wrong. */
  add(records: readonly LambdaRecord[]): Promise<RecordOutcome[]> {
    return new Promise((resolve, reject) => {
      const outcomes: RecordOutcome[] = [];
      let left = records.length;
      records.forEach((record, i) => {
        const bytes = payloadBytes(record);
        this.#held += bytes;
        const done = (outcome: RecordOutcome): void => {
          this.#held -= bytes;
          outcomes[i] = outcome;
          if (--left === 0) resolve(outcomes);
        };
        this.#put({ record, bytes, done, fail: reject });
      });
    });
  }

  /** Forgets everything that waits, and ends what is under way. */
  clear(): void {
    this.#stop.abort(new MillraceError('SHUTTING_DOWN', 'the transform begins anew'));
    this.#stop = new AbortController();
    this.#cancel?.();
    this.#cancel = null;
    this.#open = [];
    this.#cut = [];
    this.#openBytes = this.#held = this.#running = 0;
  }

  #put(waiting: Waiting): void {
    const { recordsMax, bytesMax, intervalMs } = this.#options.buffer;
    const limit = Math.min((bytesMax / 3) * 4, PAYLOAD_BYTES_MAX - 4_096);
    if (waiting.bytes > PAYLOAD_BYTES_MAX - 4_096) return void waiting.done({ failure: tooLarge(waiting.bytes) });
    if (this.#openBytes + waiting.bytes > limit) this.#seal();
    this.#open.push(waiting);
    this.#openBytes += waiting.bytes;
    if (this.#open.length >= recordsMax || this.#openBytes >= limit) this.#seal();
    else this.#cancel ??= this.#clock.after(intervalMs, () => this.#seal());
  }

  #seal(): void {
    this.#cancel?.();
    this.#cancel = null;
    if (this.#open.length === 0) return;
    this.#cut.push(this.#open);
    this.#open = [];
    this.#openBytes = 0;
    this.#dispatch();
  }

  #dispatch(): void {
    while (this.#running < this.#options.concurrency) {
      const next = this.#cut.shift();
      if (next === undefined) return;
      this.#running += 1;
      void this.#send(next, this.#stop.signal);
    }
  }

  async #send(waiting: readonly Waiting[], signal: AbortSignal): Promise<void> {
    const records = waiting.map(({ record }) => record);
    try {
      const outcomes = await this.#outcomes(records, signal);
      if (signal.aborted) return;
      waiting.forEach(({ done }, i) => done(outcomes[i]!));
    } catch (error) {
      if (signal.aborted) return;
      for (const { fail } of waiting) fail(error);
    }
    this.#running -= 1;
    this.#dispatch();
  }

  async #outcomes(records: readonly LambdaRecord[], signal: AbortSignal): Promise<RecordOutcome[]> {
    const { arn, region, retries } = this.#options;
    const firstMs = this.#clock.now();
    const invocationId = idOf(this.#name, firstMs, this.#count++);
    const ids = recordIds(invocationId, records.length);
    const event = invocation({ invocationId, arn, region }, ids, records);
    for (let attempt = 1; ; attempt++) {
      try {
        return readAnswer(await this.#invoker.invoke(event, signal), ids);
      } catch (error) {
        if (signal.aborted) return [];
        const isOurs = error instanceof MillraceError && error.code !== 'CONFIG_INVALID';
        if (!isOurs || error instanceof Misconfigured) throw error;
        if (attempt <= retries && !(error instanceof RecordsRefused)) {
          await pause(this.#clock, Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** (attempt - 1)), signal);
          continue;
        }
        const { code, message } = error;
        const failure = { code, message, attempts: attempt, firstMs, lastMs: this.#clock.now() };
        return records.map(() => ({ failure }));
      }
    }
  }
}

function tooLarge(bytes: number): Omit<Failure, 'path'> {
  return {
    code: 'EVENT_TOO_LARGE',
    message: `the record would be ${bytes} bytes of an invocation; at most ${PAYLOAD_BYTES_MAX} fit`,
  };
}

/** Names an invocation; the same over its attempts. */
function idOf(name: string, ms: number, count: number): string {
  const hex = createHash('sha256').update(`${name} ${ms} ${count}`).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
