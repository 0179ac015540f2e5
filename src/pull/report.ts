/** What pulls do, as lines for people or programs, and as metrics. */
import type { Clock } from '../io/clock.js';
import type { Metrics } from '../telemetry/metrics.js';
import { sourceStack } from '../util/source-stack.js';
import { codeOf } from './feed-error.js';
import type { Turn } from './puller.js';
import type { Pull, PullReporter } from './worker.js';

/** A line is written no more often for a pull that goes well. */
const LINE_MS = 1_000;

/** What a pull has come to. */
interface Progress {
  rows: number;
  pages: number;
  /** Rows since the last line. */
  fresh: number;
  lag: number;
  completeThroughMs: number | null;
  isCurrent: boolean;
  lineAt: number;
}

/** Something that happened, for `--json`; for people as text. */
export interface PullEvent {
  readonly event: 'listing' | 'progress' | 'current' | 'failed' | 'gave_up';
  readonly tenant: string;
  readonly view: string;
  readonly text: string;
  readonly [field: string]: unknown;
}

/** Follows pulls. */
export class Report implements PullReporter {
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #tell: (event: PullEvent) => void;
  readonly #progress = new Map<string, Progress>();
  readonly #views = new Map<string, Set<Progress>>();

  constructor(metrics: Metrics, clock: Clock, tell: (event: PullEvent) => void) {
    this.#metrics = metrics;
    this.#clock = clock;
    this.#tell = tell;
    metrics.onCollect(() => this.#collect());
  }

  /** A listing begins. */
  listing({ tenant, view }: { readonly tenant: string; readonly view: string }, why: string): void {
    this.#tell({ event: 'listing', tenant, view, why, text: `loads a snapshot: ${why}` });
  }

  turn({ tenant, view }: Pull, turn: Turn): void {
    const progress = this.#of(tenant, view);
    progress.pages++;
    progress.rows += turn.applied;
    progress.fresh += turn.received;
    progress.lag = turn.lag;
    if (turn.completeThrough !== null) progress.completeThroughMs = Date.parse(turn.completeThrough);
    this.#metrics.counter('millrace_pull_pages_total', { view }).add();
    this.#metrics.counter('millrace_pull_rows_total', { view }).add(turn.applied);
    const becomesCurrent = turn.isCurrent && !progress.isCurrent;
    progress.isCurrent = turn.isCurrent;
    const now = this.#clock.monotonic();
    if (!becomesCurrent && (progress.fresh === 0 || now - progress.lineAt < LINE_MS)) return;
    const { rows, fresh, lag } = progress;
    const shared = { tenant, view, rows, received: fresh, lag };
    progress.lineAt = now;
    progress.fresh = 0;
    const came = `${fresh} rows came, ${rows} applied so far`;
    if (turn.isCurrent) this.#tell({ event: 'current', ...shared, text: `${came}; nothing more is there` });
    else this.#tell({ event: 'progress', ...shared, text: `${came}; ${turn.kind} goes on` });
  }

  failed({ tenant, view }: Pull, error: unknown, delayMs: number | null): void {
    const code = codeOf(error);
    this.#of(tenant, view).isCurrent = false;
    this.#metrics.counter('millrace_pull_errors_total', { code }).add();
    const message = error instanceof Error ? error.message : String(error);
    // A bug is told with where it is.
    const stack = code === 'INTERNAL' && error instanceof Error ? `\n${sourceStack(error.stack ?? '')}` : '';
    const next = delayMs === null ? 'given up' : `again in ${(delayMs / 1000).toFixed(1)} s`;
    const event = delayMs === null ? 'gave_up' : 'failed';
    this.#tell({ event, tenant, view, code, message, delayMs, text: `${code}: ${message}; ${next}${stack}` });
  }

  #of(tenant: string, view: string): Progress {
    const key = JSON.stringify([tenant, view]);
    let progress = this.#progress.get(key);
    if (progress === undefined) {
      progress = { rows: 0, pages: 0, fresh: 0, lag: 0, completeThroughMs: null, isCurrent: false, lineAt: -Infinity };
      this.#progress.set(key, progress);
      const views = this.#views.get(view) ?? new Set();
      this.#views.set(view, views.add(progress));
    }
    return progress;
  }

  #collect(): void {
    const now = this.#clock.now();
    for (const [view, all] of this.#views) {
      const known = [...all].flatMap(({ completeThroughMs }) =>
        completeThroughMs === null ? [] : [completeThroughMs],
      );
      const lag = [...all].reduce((most, progress) => Math.max(most, progress.lag), 0);
      this.#metrics.gauge('millrace_pull_lag_revisions', { view }).set(lag);
      this.#metrics.gauge('millrace_pull_current', { view }).set([...all].filter(({ isCurrent }) => isCurrent).length);
      if (known.length > 0)
        this.#metrics.gauge('millrace_pull_freshness_seconds', { view }).set((now - Math.min(...known)) / 1000);
    }
  }
}
