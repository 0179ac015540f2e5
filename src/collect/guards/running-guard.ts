/** One guard at work: its keys, the reader that keeps them, and whether they can be relied on. */
import type { Clock } from '../../io/clock.js';
import type { ReaderLoop } from '../../log/reader-loop.js';
import type { ReaderLoopStatus } from '../../log/stage.js';
import type { CounterHandle, Metrics } from '../../telemetry/metrics.js';
import type { GuardDefinition } from './guard.js';
import type { GuardKeys } from './guard-keys.js';

/** What became of an event that a guard met. */
export type GuardOutcome = 'labelled' | 'blocked' | 'redirected' | 'unavailable';

/** How long an answer about being behind is good for, ms: asking costs more than a look-up. */
const LAG_FRESH_MS = 50;

/** What a running guard is made of. */
export interface RunningGuardInput {
  readonly definition: GuardDefinition;
  readonly keys: GuardKeys;
  readonly loop: Pick<ReaderLoop, 'status' | 'stop'>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Behind by more than this, events pass; ms. */
  readonly behindMaxMs: number;
}

/** One guard at work. */
export class RunningGuard {
  readonly definition: GuardDefinition;
  readonly keys: GuardKeys;
  readonly #input: RunningGuardInput;
  readonly #counters = new Map<GuardOutcome, CounterHandle>();
  #lagAt = -Infinity;
  #lagMs = Infinity;

  constructor(input: RunningGuardInput) {
    this.definition = input.definition;
    this.keys = input.keys;
    this.#input = input;
  }

  /** Ms since 1970. */
  now(): number {
    return this.#input.clock.now();
  }

  /** By how much its keys are behind the events, ms; Infinity while that is not known. */
  lagMs(): number {
    const now = this.#input.clock.monotonic();
    if (now - this.#lagAt < LAG_FRESH_MS) return this.#lagMs;
    this.#lagAt = now;
    const { state, lagMs } = this.#input.loop.status();
    this.#lagMs = state === 'running' ? Math.max(lagMs, this.definition.behindMs()) : Infinity;
    return this.#lagMs;
  }

  /** Whether its answers count. */
  isAvailable(): boolean {
    return this.lagMs() <= this.#input.behindMaxMs;
  }

  /** Counts an event. */
  readonly count = (outcome: GuardOutcome): void => {
    let counter = this.#counters.get(outcome);
    if (counter === undefined) {
      const { view } = this.definition;
      counter = this.#input.metrics.counter('millrace_guard_events_total', { view, outcome });
      this.#counters.set(outcome, counter);
    }
    counter.add();
  };

  /** What its reader is doing. */
  status(): ReaderLoopStatus {
    return this.#input.loop.status();
  }

  stop(): Promise<void> {
    return this.#input.loop.stop();
  }
}
