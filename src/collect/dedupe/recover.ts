/**
 * Brings the memory of ids up to the log: reads the event ids of all rows that the runs don't cover.
 */
import type { ColumnBatch } from '../../event/columns.js';
import type { Clock } from '../../io/clock.js';
import type { Log, LogBatch, Position } from '../../log/log.js';
import { MillraceError } from '../../util/errors.js';
import { pause } from './merge.js';
import type { RunStore } from './run-store.js';

/** The reader under which the log keeps what the runs don't cover yet. */
export const DEDUPE_READER = 'collect.dedupe';

/** What catching up needs. */
export interface RecoverOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly store: RunStore;
  readonly streams: readonly string[];
  readonly windowMs: number;
  /** Takes the ids of one batch; `end` is the position behind it. */
  readonly take: (stream: string, batch: ColumnBatch, end: Position, receivedAt: number) => Promise<void>;
  /** Told of batches whose ids can't be read; they are passed over. */
  readonly onDamage: (error: unknown) => void;
}

/** Batches between two turns of other work. */
const SLICE_BATCHES = 16;

/** Reads what is missing and declares the reader, so that the log keeps what a next start will need. */
export async function recover(options: RecoverOptions): Promise<void> {
  const starts = options.streams.flatMap((stream) => startsOf(options, stream));
  await options.log.registerReader(DEDUPE_READER, starts);
  for (const start of starts) await readFrom(options, start);
}

function startsOf({ log, store }: RecoverOptions, stream: string): Position[] {
  const definition = log.stream(stream);
  if (definition === undefined || definition.schema.roles.eventId < 0) return [];
  return Array.from({ length: definition.partitions }, (_, partition) => ({
    stream,
    partition,
    offset: Math.max(store.covered(stream, partition) ?? 0, log.range(stream, partition).start),
  }));
}

async function readFrom(options: RecoverOptions, start: Position): Promise<void> {
  const { log, clock, windowMs } = options;
  const oldest = clock.now() - windowMs;
  const cursor = log.cursor(start.stream, start.partition, start.offset);
  try {
    let count = 0;
    for (let found = cursor.next(); found !== null; found = cursor.next()) {
      if (found.rows > 0 && found.receivedAt >= oldest) await takeBatch(options, found);
      if (++count % SLICE_BATCHES === 0) await pause();
    }
  } finally {
    cursor.close();
  }
}

async function takeBatch({ take, onDamage }: RecoverOptions, found: LogBatch): Promise<void> {
  const { stream, partition, baseOffset, rows, batch, receivedAt } = found;
  try {
    await take(stream, batch, { stream, partition, offset: baseOffset + rows }, receivedAt);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'LOG_PAGE_DAMAGED') throw error;
    onDamage(error);
  }
}
