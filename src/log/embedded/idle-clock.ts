/**
 * Clock records for idle `clock = 'event'` streams.
 *
 * Such a stream's time is the largest event time so far, so it would stand still with the last
 * event and the last window would never close. While a stream is idle its clocks advance by the
 * time that passes, never by a jump to now, and each advance is a record in the log, so that every
 * reader, also after a restart, sees the same. Silence between records grows with the idle time (an
 * eighth of it), so a stream idle for a day has cost about a hundred records.
 *
 * Only time that this process was up counts: what passed while nobody could have sent anything is
 * not idleness.
 */
import type { Clock } from '../../io/clock.js';
import type { LogState, StreamRecord } from './state.js';
import type { LogOptions } from './types.js';

interface Idle {
  sinceMs: number;
  advancedMs: number;
}

/** Decides when an idle stream's clocks advance. */
export class IdleClock {
  readonly #clock: Clock;
  readonly #options: LogOptions;
  readonly #idle = new Map<number, Idle>();

  constructor(clock: Clock, options: LogOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** Rows came: the stream is not idle. */
  touched(streamId: number): void {
    this.#idle.set(streamId, { sinceMs: this.#clock.monotonic(), advancedMs: 0 });
  }

  /** Streams whose clocks advance now, and by how much. Say `advanced` when it is on disk. */
  due(state: LogState): { stream: StreamRecord; advanceMs: number }[] {
    const due: { stream: StreamRecord; advanceMs: number }[] = [];
    const now = this.#clock.monotonic();
    for (const stream of state.streams.values()) {
      if (stream.definition.clock !== 'event' || !hasRows(state, stream)) continue;
      let idle = this.#idle.get(stream.id);
      if (idle === undefined) this.#idle.set(stream.id, (idle = { sinceMs: now, advancedMs: 0 }));
      const idleMs = now - idle.sinceMs;
      const advanceMs = Math.floor(idleMs - idle.advancedMs);
      const { idleClockMinMs, idleClockMaxMs } = this.#options;
      if (advanceMs >= Math.min(idleClockMaxMs, Math.max(idleClockMinMs, idleMs / 8))) due.push({ stream, advanceMs });
    }
    return due;
  }

  /** The record is on disk. */
  advanced(streamId: number, advanceMs: number): void {
    const idle = this.#idle.get(streamId);
    if (idle !== undefined) idle.advancedMs += advanceMs;
  }
}

function hasRows(state: LogState, stream: StreamRecord): boolean {
  for (let partition = 0; partition < stream.definition.partitions; partition++)
    if (state.slot(stream, partition).end > 0) return true;
  return false;
}
