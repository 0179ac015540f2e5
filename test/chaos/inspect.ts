/**
 * Reads the log of a stopped server through: the history of every key of the view, and the offsets
 * of the lake's files against its committed offset.
 */
import { join } from 'node:path';
import { systemClock } from '../../src/io/clock.js';
import { realDisk } from '../../src/io/disk-real.js';
import { systemRandom } from '../../src/io/random.js';
import { rowOf } from '../../src/event/rows.js';
import { openLog, type EmbeddedLog } from '../../src/log/embedded/open.js';
import { VIEWS } from './config.js';

interface Published {
  readonly n: number;
  readonly state: string;
  readonly values: string;
}

/** Throws when a published value went back, a final row opened again, or a revision says nothing new. */
export async function inspectLog(folder: string): Promise<void> {
  const log = await openLog({
    folder: join(folder, 'data', 'log'),
    disk: realDisk,
    clock: systemClock,
    random: systemRandom,
  });
  try {
    for (const view of VIEWS) inspectView(log, view);
  } finally {
    await log.close();
  }
}

function inspectView(log: EmbeddedLog, view: string): void {
  const definition = log.streams().find(({ name }) => name === `view.${view}`);
  if (definition === undefined) throw new Error(`the log has no changes stream of ${view}`);
  const published = new Map<string, Published>();
  for (let partition = 0; partition < definition.partitions; partition++) {
    const range = log.range(definition.name, partition);
    const cursor = log.cursor(definition.name, partition, range.start);
    for (let batch = cursor.next(); batch !== null; batch = cursor.next())
      for (let i = 0; i < batch.rows; i++) compare(published, rowOf(batch.batch, i), batch.baseOffset + i);
    if (cursor.position !== range.end)
      throw new Error(`read to ${cursor.position} of ${range.end} in ${definition.name}/${partition}`);
    cursor.close();
  }
}

function compare(published: Map<string, Published>, row: Record<string, unknown>, offset: number): void {
  const key = `${String(row['tenant'])}|${String(row['kind'])}|${String(row['window_start'])}`;
  const next = {
    n: Number(row['n']),
    state: String(row['state']),
    values: `${String(row['n'])} ${String(row['amount'])} ${String(row['users'])} ${String(row['state'])}`,
  };
  const last = published.get(key);
  published.set(key, next);
  if (last === undefined) return;
  if (next.n < last.n)
    throw new Error(`revision ${offset + 1} of ${key}: the count went back from ${last.n} to ${next.n}`);
  if (next.values === last.values) throw new Error(`revision ${offset + 1} of ${key} changes nothing`);
  if (last.state !== 'open' && next.state === 'open')
    throw new Error(`revision ${offset + 1} of ${key} opens a ${last.state} row again`);
}
