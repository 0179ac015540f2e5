import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ColumnBatch } from '../../src/event/columns.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { systemClock, type Clock } from '../../src/io/clock.js';
import type { Disk } from '../../src/io/disk.js';
import { realDisk } from '../../src/io/disk-real.js';
import { systemRandom } from '../../src/io/random.js';
import { openLog, type EmbeddedLog, type OpenLogInput } from '../../src/log/embedded/open.js';
import type { Log, LogBatch, StreamDefinition } from '../../src/log/log.js';

/** A small event with every role. */
export const SCHEMA = defineSchema({
  columns: { id: 'string', tenant: 'dictionary', at: 'timestamp', country: 'dictionary?', price: 'decimal?' },
  tenant: 'tenant',
  eventId: 'id',
  eventTime: 'at',
});

const folders: string[] = [];

/** A fresh folder, removed by `removeFolders`. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-log-'));
  folders.push(folder);
  return folder;
}

/** Removes the folders of this file's tests. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** A stream definition for tests. */
export function definition(name: string, rest: Partial<StreamDefinition> = {}): StreamDefinition {
  return {
    name,
    schema: SCHEMA,
    partitions: 1,
    clock: 'arrival',
    retentionMs: 86_400_000,
    bytesMax: 1e12,
    policy: 'refuse',
    ...rest,
  };
}

/** Opens a log with small segments. */
export function open(folder: string, rest: Partial<OpenLogInput> = {}): Promise<EmbeddedLog> {
  return openLog({
    folder,
    disk: (rest.disk as Disk | undefined) ?? realDisk,
    clock: (rest.clock as Clock | undefined) ?? systemClock,
    random: systemRandom,
    ...rest,
    options: { segmentBytes: 1 << 18, firstSegmentBytes: 1 << 16, ...rest.options },
  });
}

/** `count` rows whose ids are `prefix` and numbers from `from`. */
export function events(count: number, from = 0, rest: { tenants?: number; prefix?: string } = {}): ColumnBatch {
  const { tenants = 3, prefix = 'e' } = rest;
  return batchFromRows(
    SCHEMA,
    Array.from({ length: count }, (_, i) => ({
      id: `${prefix}${from + i}`,
      tenant: `tenant-${(from + i) % tenants}`,
      at: 1_700_000_000_000 + from + i,
      country: (from + i) % 5 === 0 ? null : `c${(from + i) % 7}`,
      price: '1.250000',
      received_at: 0,
    })),
  );
}

/** Every batch there is from `offset`. */
export function readBatches(
  log: Log,
  stream: string,
  partition = 0,
  offset = log.range(stream, partition).start,
): LogBatch[] {
  const cursor = log.cursor(stream, partition, offset);
  const batches: LogBatch[] = [];
  for (let batch = cursor.next(); batch !== null; batch = cursor.next()) batches.push(batch);
  cursor.close();
  return batches;
}

/** The rows of batches as objects, with their offsets. */
export function rowsOf(batches: readonly LogBatch[]): (Record<string, unknown> & { offset: number })[] {
  return batches.flatMap((batch) =>
    Array.from({ length: batch.rows }, (_, i) => ({ ...rowOf(batch.batch, i), offset: batch.baseOffset + i })),
  );
}

/** Ids of every row, in order. */
export function idsOf(log: Log, stream: string, partition = 0, offset?: number): string[] {
  return rowsOf(readBatches(log, stream, partition, offset)).map((row) => row['id'] as string);
}
