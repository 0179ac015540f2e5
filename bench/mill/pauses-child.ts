/**
 * A view in a thread of its own, as in the program, fed by another at a rate for `--seconds N`: at full load to learn
 * how much it takes, then at half of it. Prints what that took as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData, type MessagePort } from 'node:worker_threads';
import { join } from 'node:path';
import { numberAt } from '../../src/event/integers.js';
import type { IntegerColumn } from '../../src/event/columns.js';
import { systemClock } from '../../src/io/clock.js';
import { growHeapsFreely } from '../../src/io/heap.js';
import type { AppendGroup, Log } from '../../src/log/log.js';
import { startReaderLoop } from '../../src/log/reader-loop.js';
import { connectLog } from '../../src/log/remote.js';
import { SharedViews } from '../../src/mill/kernels/shared-views.js';
import { describeView } from '../../src/sql/describe.js';
import { planned } from './plan.js';
import { NO_EPOCH, Rig, stageOf } from './rig.js';
import { eventsNow, STREAMS } from './ysb-events.js';

/** What it prints. */
export interface PausesReport {
  readonly records: number;
  /** Events a second. */
  readonly rate: number;
  /** Of the whole process: who makes the events and the log too. */
  readonly cpuSeconds: number;
  /** How long each flush that took a snapshot or published held up the thread, ms. */
  readonly pauses: readonly number[];
  /** From the moment at which a window could close to its final rows on disk, ms. */
  readonly waits: readonly number[];
}

interface ViewData {
  readonly port: MessagePort;
  readonly folder: string;
}

const SNAPSHOT_EVERY_MS = 250;
const LAG_MS = 100;
const BATCH_ROWS = 4_096;
const FULL_SECONDS = 3;
/** Each load runs so long before it is measured: a new thread's code is not compiled yet. */
const WARM_SECONDS = 4;
/** At full load, so many rows may wait for the view. */
const WAITING_MAX = 64 * BATCH_ROWS;
const NAME = 'live';

const SQL = `CREATE MATERIALIZED VIEW live WITH (emit = 'close', watermark_lag = '${LAG_MS} ms', allowed_lateness = '0') AS
  SELECT ad_id, window_start, count(*) AS events, count(user_id) AS users
  FROM TUMBLE(events, event_time, INTERVAL '1 second') GROUP BY ad_id, window_start`;

if (isMainThread) {
  const seconds = Number(process.argv[process.argv.indexOf('--seconds') + 1]);
  const full = await load(Infinity, FULL_SECONDS);
  console.log(JSON.stringify(await load(full.rate / 2, seconds)));
  process.exit(0);
} else await runView(workerData as ViewData);

/** Events at a rate, for so long. */
async function load(rate: number, seconds: number): Promise<PausesReport> {
  const rig = await Rig.open(STREAMS);
  await rig.create(`view.${NAME}`, describeView(await planned(SQL, STREAMS), NO_EPOCH).schema);
  const port = rig.log.remotePort();
  const data: ViewData = { port, folder: join(rig.folder, NAME) };
  const worker = new Worker(process.argv[1]!, { workerData: data, transferList: [port] });
  const next = (): Promise<unknown> =>
    new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await next();
  const waiting = (): number => {
    const done = rig.log.reader(`mill.${NAME}`)?.positions.find(({ stream }) => stream === 'events')?.offset ?? 0;
    return rig.log.range('events', 0).end - done;
  };
  const events = eventsNow(BATCH_ROWS);
  const feed = async (forSeconds: number): Promise<number> => {
    const start = performance.now();
    let records = 0;
    for (let now = start; now < start + forSeconds * 1_000; now = performance.now()) {
      const due = Math.min(rate, Number.MAX_SAFE_INTEGER) * ((now - start) / 1_000);
      if (records > due || waiting() > WAITING_MAX) {
        await sleep(1);
        continue;
      }
      await rig.log.append({ batches: [{ stream: 'events', rows: events() }] });
      records += BATCH_ROWS;
    }
    while (waiting() > 0) await sleep(1);
    return records;
  };
  await feed(WARM_SECONDS);
  worker.postMessage('measure');
  const cpu = process.cpuUsage();
  const start = performance.now();
  const records = await feed(seconds);
  const used = process.cpuUsage(cpu);
  const took = (performance.now() - start) / 1_000;
  await sleep(1_500);
  worker.postMessage('stop');
  const measured = (await next()) as Pick<PausesReport, 'pauses' | 'waits'>;
  await rig.close();
  return { records, rate: records / took, cpuSeconds: (used.user + used.system) / 1e6, ...measured };
}

/** The view's thread. */
async function runView({ folder, port }: ViewData): Promise<void> {
  growHeapsFreely();
  const remote = await connectLog(port);
  const plan = await planned(SQL, STREAMS);
  const waits: number[] = [];
  const pauses: number[] = [];
  const end = describeView(plan, NO_EPOCH).schema.columns.findIndex(({ name }) => name === 'window_end');
  const log = timed(remote, end, waits);
  const options = { snapshotEveryMs: SNAPSHOT_EVERY_MS, stateBytesMax: 2 ** 32 };
  const stage = stageOf(plan, { name: NAME, log, folder, shared: new SharedViews(), options });
  const flush = stage.flush.bind(stage);
  let snapshots = 0;
  stage.flush = async (positions) => {
    const before = performance.now();
    const output = await flush(positions);
    // What a snapshot captures, it captures in the flush.
    if (stage.stats().snapshots > snapshots || output !== null) pauses.push(performance.now() - before);
    snapshots = stage.stats().snapshots;
    return output;
  };
  const loop = startReaderLoop({ log, stage, clock: systemClock });
  parentPort!.once('message', () => {
    pauses.length = waits.length = 0;
    parentPort!.once('message', async () => {
      await loop.stop();
      remote.close();
      parentPort!.postMessage({ pauses, waits });
    });
  });
  parentPort!.postMessage('ready');
}

/** Notes how long after each window's time its final rows were on disk. */
function timed(log: Log, end: number, waits: number[]): Log {
  return {
    append: async (group: AppendGroup) => {
      const result = await log.append(group);
      const now = Date.now();
      const closed = new Set<number>();
      for (const { rows, stream } of group.batches)
        if (stream.startsWith('view.') && 'schema' in rows)
          for (let i = 0; i < rows.rows; i++) closed.add(numberAt(rows.column(end) as IntegerColumn, i));
      for (const at of closed) waits.push(now - at - LAG_MS);
      return result;
    },
    cursor: (stream, partition, offset) => log.cursor(stream, partition, offset),
    stream: (name) => log.stream(name),
    streams: () => log.streams(),
    range: (stream, partition) => log.range(stream, partition),
    arrivalClock: (stream) => log.arrivalClock(stream),
    reader: (id) => log.reader(id),
    holds: (id) => log.holds(id),
    registerReader: (id, positions) => log.registerReader(id, positions),
    removeReader: (id) => log.removeReader(id),
  };
}
