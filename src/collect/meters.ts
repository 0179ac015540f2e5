import type { ErrorCode } from '../util/errors.js';
import type { CounterHandle, Metrics } from '../telemetry/metrics.js';
import type { DropReason } from './accounts.js';
import type { DecodeCounts } from './decode/types.js';

/** The metrics of one stream's front door. Tenants are in the accounts, never here. */
export class StreamMeters {
  readonly #metrics: Metrics;
  readonly #stream: string;
  readonly #received: CounterHandle;
  readonly #accepted: CounterHandle;
  readonly #duplicates: CounterHandle;
  /** By code or reason: a lookup of labels costs more than the count. */
  readonly #quarantined = new Map<ErrorCode, CounterHandle>();
  readonly #dropped = new Map<DropReason, CounterHandle>();
  readonly #counted: Record<keyof DecodeCounts, number> = { fast: 0, general: 0, json: 0 };

  constructor(metrics: Metrics, stream: string) {
    this.#metrics = metrics;
    this.#stream = stream;
    this.#received = metrics.counter('millrace_events_received_total', { stream });
    this.#accepted = metrics.counter('millrace_events_accepted_total', { stream });
    this.#duplicates = metrics.counter('millrace_events_duplicate_total', { stream });
  }

  /** A request's events. */
  took(received: number, accepted: number, duplicates: number): void {
    this.#received.add(received);
    this.#accepted.add(accepted);
    this.#duplicates.add(duplicates);
  }

  /** One event went to the quarantine. */
  quarantined(code: ErrorCode): void {
    let counter = this.#quarantined.get(code);
    if (counter === undefined) {
      counter = this.#metrics.counter('millrace_events_quarantined_total', { stream: this.#stream, code });
      this.#quarantined.set(code, counter);
    }
    counter.add();
  }

  /** One event was neither kept nor quarantined. */
  dropped(reason: DropReason): void {
    let counter = this.#dropped.get(reason);
    if (counter === undefined) {
      counter = this.#metrics.counter('millrace_events_dropped_total', { reason });
      this.#dropped.set(reason, counter);
    }
    counter.add();
  }

  /** Which decoder took the rows, from its counts since start. */
  countPaths(counts: Readonly<DecodeCounts>): void {
    for (const path of ['fast', 'general', 'json'] as const) {
      this.#metrics
        .counter('millrace_decode_path_total', { path: path === 'json' ? 'parse' : path })
        .add(counts[path] - this.#counted[path]);
      this.#counted[path] = counts[path];
    }
  }
}
