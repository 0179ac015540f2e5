/**
 * Transforms of ad events from log to log: identity, a verb, a function over events, a function over
 * batches. Against a plain loop over JSON objects that does the same from file to file.
 *
 * CPU is that of the process and of the functions' processes together: log, transform, function, and
 * the accounts by tenant (15,000 of them) that each commit holds.
 */
import {
  closeSync,
  createReadStream,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseConfig } from '../src/config/parse.js';
import { adEvents } from '../src/event/ad-events.js';
import type { ColumnBatch } from '../src/event/columns.js';
import {
  EDGES_SCHEMA,
  EDGES_STREAM,
  QUARANTINE_SCHEMA,
  QUARANTINE_STREAM,
  REDRIVE_SCHEMA,
  REDRIVE_STREAM,
} from '../src/event/internal.js';
import { batchFromRows } from '../src/event/rows.js';
import type { Schema } from '../src/event/schema.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { systemRandom } from '../src/io/random.js';
import { openLog } from '../src/log/embedded/open.js';
import type { StreamDefinition } from '../src/log/log.js';
import { connectLog } from '../src/log/remote.js';
import { Transforms } from '../src/transform/transforms.js';
import { adRows, type AdRow } from './ad-rows.js';
import { row, type BenchRow, type Measured } from './harness.js';

const RECORDS = 500_000;
const ROUNDS = 20;
/** The part of the records after which measuring begins. */
const WARM = 0.2;
const BATCH_ROWS = 8_192;
const TIMES = 3;

/** What the functions do, as text for their modules and for the plain loop. */
const CHANGE = `
  if (event.country === 'JP') return null;
  event.url = event.url.split('?', 1)[0];
  event.currency = event.cost === null ? null : 'USD';
  return event;`;
const BATCH = `
export default (batch) => {
  const countries = batch.values('country');
  return batch
    .mapTexts('url', (url) => url.split('?', 1)[0])
    .set('currency', batch.values('cost').map((cost) => (cost === null ? null : 'USD')))
    .filter((row) => countries[row] !== 'JP');
};`;

type Change = (event: AdRow) => AdRow | null;

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-transform-'));
  try {
    const rows = adRows(RECORDS / ROUNDS);
    const batches: ColumnBatch[] = [];
    for (let at = 0; at < rows.length; at += BATCH_ROWS)
      batches.push(batchFromRows(adEvents(), rows.slice(at, at + BATCH_ROWS)));
    const lines = join(folder, 'events.ndjson');
    writeFileSync(
      lines,
      `${rows.map((one) => JSON.stringify({ ...one, currency: null })).join('\n')}\n`.repeat(ROUNDS),
    );
    writeFileSync(join(folder, 'event.mjs'), `export default (event) => {${CHANGE}\n};`);
    writeFileSync(join(folder, 'batch.mjs'), BATCH);
    const change = new Function('event', CHANGE) as Change;
    const identity = await median(() => loop(lines, folder, (event) => event));
    const changed = await median(() => loop(lines, folder, change));
    const filtered = await median(() =>
      loop(lines, folder, (event) => (event['event_type'] === 'impression' ? event : null)),
    );
    const of = (steps: readonly object[]) => median(() => transform(folder, batches, steps));
    return [
      row('transform: identity', await of([]), 'JSON.parse, stringify', identity),
      row('transform: filter', await of([{ filter: "event_type = 'impression'" }]), 'the same in a loop', filtered),
      row('transform: function', await of([{ function: './event.mjs' }]), 'the same in a loop', changed, {
        target: '>= 300 k',
      }),
      row(
        'transform: function over batches',
        await of([{ batchFunction: './batch.mjs' }]),
        'the same in a loop',
        changed,
      ),
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function median(work: () => Promise<Measured>): Promise<Measured> {
  const runs: Measured[] = [];
  for (let i = 0; i < TIMES; i++) runs.push(await work());
  runs.sort((a, b) => a.cpuSeconds - b.cpuSeconds);
  return runs[TIMES >> 1]!;
}

/** CPU seconds of this process and of its children. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  let ticks = 0;
  for (const task of readdirSync('/proc/self/task'))
    for (const pid of readProc(`/proc/self/task/${task}/children`).split(' ').filter(Boolean)) {
      const fields = readProc(`/proc/${pid}/stat`).split(') ')[1]?.split(' ');
      ticks += Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0);
    }
  return (user + system) / 1e6 + ticks / 100;
}

/** A file of /proc; empty where the thread or process has ended since it was listed. */
function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

async function measured(work: () => Promise<void>): Promise<Measured> {
  const cpu = cpuSeconds();
  const start = performance.now();
  await work();
  return { records: RECORDS, cpuSeconds: cpuSeconds() - cpu, wallSeconds: (performance.now() - start) / 1e3 };
}

async function transform(folder: string, batches: readonly ColumnBatch[], steps: readonly object[]): Promise<Measured> {
  const data = mkdtempSync(join(folder, 'log-'));
  const options = parseConfig(
    { streams: { events: { schema: adEvents() } }, transforms: { out: { from: 'events', steps } } },
    { folder },
  );
  const log = await openLog({ folder: data, disk: realDisk, clock: systemClock, random: systemRandom });
  const definition = (name: string, schema: Schema): StreamDefinition => ({
    name,
    schema,
    partitions: 1,
    clock: 'arrival',
    retentionMs: 86_400_000,
    bytesMax: 1e12,
    policy: 'refuse',
  });
  await log.createStream(definition('events', adEvents()));
  await log.createStream(definition(QUARANTINE_STREAM, QUARANTINE_SCHEMA));
  await log.createStream(definition(REDRIVE_STREAM, REDRIVE_SCHEMA));
  await log.createStream(definition(EDGES_STREAM, EDGES_SCHEMA));
  for (let round = 0; round < ROUNDS; round++)
    for (const rows of batches) await log.append({ batches: [{ stream: 'events', rows }] });
  const remote = await connectLog(log.remotePort());
  const say = (_transform: string, _level: string, message: string) => console.error(message);
  const quarantine = { tenantBytesMax: 1e9, eventBytesMax: 64 * 1024 };
  const transforms = new Transforms({ log: remote, clock: systemClock, quarantine, onStatus: () => undefined, say });
  // What starts once (processes, compiled code) is not what an event costs.
  await transforms.apply(options.transforms);
  const done = (): number => transforms.status()[0]!.stats.read;
  while (done() < RECORDS * WARM) await new Promise((resolve) => setTimeout(resolve, 5));
  const before = done();
  const result = await measured(() => transforms.drained());
  await transforms.stop();
  remote.close();
  await log.close();
  rmSync(data, { recursive: true, force: true });
  return { ...result, records: RECORDS - before };
}

/** The plain way: a file of JSON lines, an object each, another file. */
async function loop(lines: string, folder: string, change: Change): Promise<Measured> {
  const out = openSync(join(folder, 'out.ndjson'), 'w');
  const result = await measured(async () => {
    let texts: string[] = [];
    const flush = (): void => {
      if (texts.length > 0) writeSync(out, `${texts.join('\n')}\n`);
      texts = [];
    };
    for await (const line of createInterface({ input: createReadStream(lines, { highWaterMark: 1 << 20 }) })) {
      const event = change(JSON.parse(line) as AdRow);
      if (event === null) continue;
      texts.push(JSON.stringify(event));
      if (texts.length === BATCH_ROWS) flush();
    }
    flush();
    fdatasyncSync(out);
  });
  closeSync(out);
  return result;
}
