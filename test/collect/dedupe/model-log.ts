/** A log in memory, with just what the memory of ids uses, for property tests that restart often. */
import { gather } from '../../../src/event/gather.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import type { ColumnBatch } from '../../../src/event/columns.js';
import type {
  AppendGroup,
  AppendResult,
  Log,
  LogBatch,
  LogCursor,
  ReaderState,
  StreamDefinition,
} from '../../../src/log/log.js';

export const UUID_SCHEMA = defineSchema({
  columns: { event_id: 'uuid', tenant: 'dictionary' },
  tenant: 'tenant',
  eventId: 'event_id',
});
export const TEXT_SCHEMA = defineSchema({
  columns: { event_id: 'string', tenant: 'dictionary' },
  tenant: 'tenant',
  eventId: 'event_id',
});

export class ModelLog implements Log {
  readonly committed: ReaderState[] = [];
  readonly #definitions: StreamDefinition[];
  readonly #batches = new Map<string, LogBatch[]>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
    const common = { partitions: 1, clock: 'arrival', retentionMs: 1e12, bytesMax: 1e12, policy: 'refuse' } as const;
    this.#definitions = [
      { ...common, name: 'events', schema: UUID_SCHEMA },
      { ...common, name: 'texts', schema: TEXT_SCHEMA },
    ];
  }

  /** Appends at once; tests decide when the claim learns of it. */
  write(stream: string, batch: ColumnBatch, rows: Uint32Array | null): AppendResult {
    const list = this.#batches.get(stream) ?? [];
    const fresh = rows === null ? batch : gather(batch, rows);
    const last = list.at(-1);
    const baseOffset = last === undefined ? 0 : last.baseOffset + last.rows;
    const receivedAt = this.#now();
    list.push({
      stream,
      partition: 0,
      baseOffset,
      rows: fresh.rows,
      batch: fresh,
      eventTimeMin: NaN,
      eventTimeMax: NaN,
      receivedAt,
      clockAdvanceMs: 0,
    } as LogBatch);
    this.#batches.set(stream, list);
    return { appended: [{ stream, partition: 0, baseOffset, rows: fresh.rows }], receivedAt };
  }

  async append(group: AppendGroup): Promise<AppendResult> {
    if (group.reader !== undefined) this.committed.push(group.reader);
    return { appended: [], receivedAt: this.#now() };
  }

  cursor(stream: string, _partition: number, offset: number): LogCursor {
    const list = this.#batches.get(stream) ?? [];
    let at = list.findIndex((batch) => batch.baseOffset + batch.rows > offset);
    if (at < 0) at = list.length;
    return {
      next: () => list[at++] ?? null,
      wait: async () => undefined,
      position: offset,
      close: () => undefined,
    } as LogCursor;
  }

  stream(name: string): StreamDefinition | undefined {
    return this.#definitions.find((one) => one.name === name);
  }

  streams(): readonly StreamDefinition[] {
    return this.#definitions;
  }

  range(): { start: number; end: number } {
    return { start: 0, end: 0 };
  }

  arrivalClock(): { ends: readonly number[]; clockMs: number } {
    return { ends: [0], clockMs: 0 };
  }

  reader(): undefined {
    return undefined;
  }

  holds(): undefined {
    return undefined;
  }

  async registerReader(): Promise<void> {}
  async removeReader(): Promise<void> {}
}
