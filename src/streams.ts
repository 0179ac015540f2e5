/** The log and its streams: those that are known, and Millrace's own. */
import { join } from 'node:path';
import type { Cuts } from './collect/ledger/cuts.js';
import {
  ACCOUNTS_SCHEMA,
  ACCOUNTS_STREAM,
  ACCOUNT_TOTALS_STREAM,
  EDGES_SCHEMA,
  EDGES_STREAM,
  LATE_SCHEMA,
  LATE_STREAM,
  QUARANTINE_SCHEMA,
  QUARANTINE_STREAM,
  REDRIVE_SCHEMA,
  REDRIVE_STREAM,
  RESOLVED_SCHEMA,
  RESOLVED_STREAM,
} from './event/internal.js';
import type { Schema } from './event/schema.js';
import type { Ground } from './ground.js';
import { openLog, type EmbeddedLog } from './log/embedded/open.js';
import type { StreamDefinition } from './log/log.js';
import type { Registry } from './registry.js';

/** Opens the log and declares the streams of the registry and our own. */
export async function openStreams(
  { options, disk, clock, random, messages, closers }: Ground,
  registry: Registry,
  cuts: Cuts,
): Promise<EmbeddedLog> {
  const log = await openLog({
    folder: join(options.dataFolder, 'log'),
    disk,
    clock,
    random,
    options: { segmentBytes: options.log.segmentBytes, pendingBytesMax: options.log.pendingBytesMax },
    onProblem: (problem) =>
      problem === null
        ? messages.info('the log can be written again')
        : messages.error({ code: problem.code }, problem.message),
    onCut: (rows) => {
      messages.warn({ rows }, 'rows were cut from the log at its bound');
      return cuts.take(rows);
    },
  });
  closers.add(() => log.close());
  closers.add(() => cuts.close());
  const { damaged, cut } = log.recovery;
  for (const damage of damaged) messages.error(damage, 'the log is damaged; the rows named are lost');
  if (cut !== null) messages.warn(cut, 'the last commit was cut; it may have been acknowledged');
  await registry.openIn(log);
  await log.createStream(ownStream(QUARANTINE_STREAM, QUARANTINE_SCHEMA));
  await log.createStream(ownStream(RESOLVED_STREAM, RESOLVED_SCHEMA));
  await log.createStream(ownStream(REDRIVE_STREAM, REDRIVE_SCHEMA));
  await log.createStream(ownStream(LATE_STREAM, LATE_SCHEMA));
  // Every segment holds some of these rows: they must not keep the segments of shorter or bounded
  // streams. What the ledger still needs when it is cut, it writes anew.
  const retentionMs = Math.min(OWN_RETENTION_MS, ...registry.all.map((stream) => stream.retentionMs));
  for (const name of [ACCOUNTS_STREAM, ACCOUNT_TOTALS_STREAM])
    await log.createStream({ ...ownStream(name, ACCOUNTS_SCHEMA), retentionMs, policy: 'cut' });
  await log.createStream({ ...ownStream(EDGES_STREAM, EDGES_SCHEMA), retentionMs, policy: 'cut' });
  return log;
}

const OWN_RETENTION_MS = 7 * 86_400_000;

/** A stream of Millrace's own: one partition, kept for a week. */
export function ownStream(name: string, schema: Schema): StreamDefinition {
  return {
    name,
    schema,
    partitions: 1,
    clock: 'arrival',
    retentionMs: OWN_RETENTION_MS,
    bytesMax: 50 * 1024 ** 3,
    policy: 'refuse',
  };
}
