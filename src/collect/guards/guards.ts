/**
 * Guards: views whose rows act on events as they come in.
 *
 *   click → log → mill → view.<name> ─┐
 *   event → front door ← keys in memory ← reader
 *
 * Purpose. A verdict of SQL has its effect within a second: the front door labels, blocks or sends elsewhere
 * the events whose key is in the view. The look-up is in memory, in the thread that answers HTTP, and waits for
 * nothing.
 *
 * Limits. `keysMax` keys a guard (`guard-keys.ts`). While a guard is loading, or behind by more than
 * `behindMaxMs`, events pass with the label `guard_unavailable`: a guard never makes a visitor fail.
 *
 * Recovery. Each guard's reader restores its keys by itself (`guard-reader.ts`).
 */
import { join } from 'node:path';
import type { Clock } from '../../io/clock.js';
import type { Disk } from '../../io/disk.js';
import type { Log, StreamDefinition } from '../../log/log.js';
import { startReaderLoop } from '../../log/reader-loop.js';
import type { ReaderLoopStatus } from '../../log/stage.js';
import type { Metrics } from '../../telemetry/metrics.js';
import { GuardKeys } from './guard-keys.js';
import { GuardReader, guardReader } from './guard-reader.js';
import type { GuardDefinition } from './guard.js';
import { RunningGuard } from './running-guard.js';
import { StreamGuards } from './stream-guards.js';

/** How guards run. */
export interface GuardLimits {
  /** Keys of a guard held in memory. */
  readonly keysMax: number;
  /** Behind by more than this, a guard lets pass; ms. */
  readonly behindMaxMs: number;
}

/** What guards are made of. */
export interface GuardsInput {
  readonly guards: readonly GuardDefinition[];
  readonly log: Log;
  /** A folder of their own. */
  readonly folder: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly limits: GuardLimits;
  readonly onStatus?: (status: ReaderLoopStatus) => void;
}

/** Keys are in effect as soon as their row is on disk; the thread is lent in small pieces. */
const LOOP_OPTIONS = { sliceMs: 2, tickEveryMs: 100 };

/** The guards of a front door. */
export class Guards {
  readonly running: readonly RunningGuard[];
  readonly #unmeter: () => void;

  constructor(input: GuardsInput) {
    const { log, folder, disk, clock, metrics, limits, onStatus } = input;
    if (input.guards.length > 0) disk.makeFolder(folder);
    this.running = input.guards.map((definition) => {
      const { forMs } = definition;
      const keys = new GuardKeys({ forMs, keysMax: limits.keysMax });
      const stage = new GuardReader({
        guard: definition,
        keys,
        file: join(folder, guardFile(definition)),
        disk,
        clock,
      });
      const told = onStatus === undefined ? {} : { onStatus };
      const loop = startReaderLoop({ log, stage, clock, options: LOOP_OPTIONS, ...told });
      return new RunningGuard({ definition, keys, loop, clock, metrics, behindMaxMs: limits.behindMaxMs });
    });
    this.#unmeter = metrics.onCollect(() => this.#meter(metrics));
  }

  /** The guards of a stream; null when it has none. */
  of({ name, schema }: StreamDefinition): StreamGuards | null {
    const guards = this.running.filter(({ definition }) => definition.guarded.includes(name));
    return guards.length === 0 ? null : new StreamGuards(schema, guards);
  }

  /** Ends the readers; keys stay as they are. */
  async stop(): Promise<void> {
    this.#unmeter();
    await Promise.all(this.running.map((guard) => guard.stop()));
  }

  #meter(metrics: Metrics): void {
    for (const guard of this.running) {
      if (guard.definition.isActing?.() === false) continue;
      const labels = { view: guard.definition.view };
      metrics.gauge('millrace_guard_keys', labels).set(guard.keys.size);
      const evicted = metrics.counter('millrace_guard_evicted_keys_total', labels);
      evicted.add(Math.max(0, guard.keys.evicted - evicted.value));
      const lagMs = guard.lagMs();
      metrics.gauge('millrace_guard_lag_seconds', labels).set(Number.isFinite(lagMs) ? lagMs / 1000 : -1);
    }
  }
}

/** The file of a guard's keys: one a definition of a view. */
function guardFile({ stream }: GuardDefinition): string {
  return stream;
}

/** Forgets the readers and the keys of guards that are no longer defined: retention must not wait for them. */
export async function removeOldGuards(
  log: Log,
  readers: readonly { readonly id: string }[],
  guards: readonly GuardDefinition[],
  { disk, folder }: { readonly disk: Disk; readonly folder: string },
): Promise<void> {
  const files = new Set(guards.map(guardFile));
  if (disk.exists(folder)) for (const file of disk.list(folder)) if (!files.has(file)) disk.remove(join(folder, file));
  const defined = new Set(guards.map(guardReader));
  for (const { id } of readers) if (id.startsWith('guard.') && !defined.has(id)) await log.removeReader(id);
}
