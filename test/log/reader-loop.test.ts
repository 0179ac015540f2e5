import { afterEach, expect, test } from 'vitest';
import { valueOf } from '../../src/event/rows.js';
import { systemClock } from '../../src/io/clock.js';
import type { EmbeddedLog } from '../../src/log/embedded/open.js';
import type { Log, LogBatch, LogCursor, ReaderState } from '../../src/log/log.js';
import { startReaderLoop } from '../../src/log/reader-loop.js';
import type { LogStage, OwnStage } from '../../src/log/stage.js';
import { MillraceError } from '../../src/util/errors.js';
import { definition, events, freshFolder, idsOf, open, removeFolders } from './support.js';

afterEach(removeFolders);

const OPTIONS = { flushEveryMs: 1, tickEveryMs: 5, retryMinMs: 1, retryMaxMs: 10 };

function ids(batch: LogBatch): string[] {
  return Array.from({ length: batch.rows }, (_, row) => valueOf(batch.batch.column(0), 'string', row) as string);
}

/** Copies ids into `out`, one output row a batch it saw; its state is the number of rows published. */
class CopyStage implements LogStage {
  readonly store = 'log';
  readonly id = 'copy';
  readonly epoch: number;
  readonly inputs = ['in'];
  calls: string[] = [];
  failing: Error | null = null;
  #pending: string[] = [];
  #count = 0;

  constructor(epoch = 1) {
    this.epoch = epoch;
  }

  restore(committed: ReaderState | undefined): [] {
    this.calls.push(`restore ${committed?.positions[0]?.offset ?? 'nothing'}`);
    this.#pending = [];
    this.#count = committed === undefined ? 0 : committed.state[0]!;
    return [];
  }

  process(batch: LogBatch, replay: boolean): void {
    if (this.failing !== null) throw this.failing;
    this.calls.push(`${replay ? 'replay' : 'process'} ${batch.baseOffset}+${batch.rows}`);
    this.#pending.push(...ids(batch));
  }

  flush(): { outputs: { stream: string; rows: ReturnType<typeof events> }[]; state: Uint8Array } | null {
    if (this.#pending.length === 0) return null;
    const count = this.#pending.length;
    this.#pending = [];
    const rows = events(count, this.#count, { prefix: 'out' });
    this.#count += count;
    return { outputs: [{ stream: 'out', rows }], state: Uint8Array.of(this.#count) };
  }
}

async function pipeline(folder: string): Promise<EmbeddedLog> {
  const log = await open(folder);
  await log.createStream(definition('in'));
  await log.createStream(definition('out'));
  return log;
}

test('outputs and positions are one commit, and a restart goes on behind them', async () => {
  const folder = freshFolder();
  let log = await pipeline(folder);
  let loop = startReaderLoop({ log, stage: new CopyStage(), clock: systemClock, options: OPTIONS });
  await log.append({ batches: [{ stream: 'in', rows: events(10) }] });
  await loop.drained();
  expect(idsOf(log, 'out')).toEqual(Array.from({ length: 10 }, (_, i) => `out${i}`));
  expect(log.reader('copy')?.positions).toEqual([{ stream: 'in', partition: 0, offset: 10 }]);
  await loop.stop();
  await log.close();
  log = await pipeline(folder);
  const again = new CopyStage();
  loop = startReaderLoop({ log, stage: again, clock: systemClock, options: OPTIONS });
  await log.append({ batches: [{ stream: 'in', rows: events(3, 10) }] });
  await loop.drained();
  expect(again.calls).toEqual(['restore 10', 'process 10+3']);
  expect(log.range('out', 0).end).toBe(13);
  await loop.stop();
  await log.close();
});

test('a stage whose snapshot is older replays silently up to what is committed', async () => {
  const log = await pipeline(freshFolder());
  for (let i = 0; i < 5; i++) await log.append({ batches: [{ stream: 'in', rows: events(2, i * 2) }] });
  const state = Uint8Array.of(6);
  await log.append({
    batches: [{ stream: 'out', rows: events(6, 0, { prefix: 'out' }) }],
    reader: {
      id: 'copy',
      epoch: 1,
      positions: [{ stream: 'in', partition: 0, offset: 6 }],
      holds: [{ stream: 'in', partition: 0, offset: 2 }],
      state,
    },
  });
  const stage = new CopyStage();
  const flushed: string[] = [];
  stage.restore = () => [{ stream: 'in', partition: 0, offset: 2 }] as unknown as [];
  const { flush } = stage;
  stage.flush = () => (flushed.push(stage.calls.at(-1) ?? ''), flush.call(stage));
  const replayed: string[] = [];
  (stage as LogStage).replayed = (committed) =>
    void replayed.push(`${stage.calls.at(-1)} at ${committed?.positions[0]?.offset}`);
  const loop = startReaderLoop({ log, stage, clock: systemClock, options: { ...OPTIONS, flushRows: 1 } });
  await loop.drained();
  expect(stage.calls).toEqual(['replay 2+2', 'replay 4+2', 'process 6+2', 'process 8+2']);
  expect(replayed).toEqual(['replay 4+2 at 6']);
  expect(flushed.every((call) => !call.startsWith('replay 2'))).toBe(true);
  await loop.stop();
  await log.close();
});

test('a stage that has fewer rows to write than it was given is given more before it is flushed', async () => {
  const log = await pipeline(freshFolder());
  for (let i = 0; i < 5; i++) await log.append({ batches: [{ stream: 'in', rows: events(2, i * 2) }] });
  const run = async (id: string, waiting?: () => number): Promise<number> => {
    const stage: LogStage = new CopyStage();
    Object.assign(stage, { id, ...(waiting && { waiting }) });
    const options = { ...OPTIONS, flushEveryMs: 60_000, flushRows: 2 };
    const loop = startReaderLoop({ log, stage, clock: systemClock, options });
    await loop.drained();
    const { commits } = loop.status();
    await loop.stop();
    return commits;
  };
  expect(await run('each')).toBe(5);
  expect(await run('netted', () => 1)).toBe(1);
  await log.close();
});

test('a failing stage is stalled, visibly, and goes on from what is committed', async () => {
  const log = await pipeline(freshFolder());
  const stage = new CopyStage();
  const states: string[] = [];
  const loop = startReaderLoop({
    log,
    stage,
    clock: systemClock,
    options: OPTIONS,
    onStatus: ({ state, reason }) => states.push(`${state} ${reason?.split('\n')[0] ?? ''}`.trim()),
  });
  await log.append({ batches: [{ stream: 'in', rows: events(4) }] });
  await loop.drained();
  stage.failing = new MillraceError('SQL_RUNTIME', 'division by zero');
  await log.append({ batches: [{ stream: 'in', rows: events(4, 4) }] });
  while (loop.status().failures < 3) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(loop.status()).toMatchObject({ state: 'stalled', reason: 'SQL_RUNTIME: division by zero', lagRows: 4 });
  stage.failing = null;
  await loop.drained();
  expect(log.range('out', 0).end).toBe(8);
  expect(states.slice(0, 3)).toEqual(['running', 'stalled SQL_RUNTIME: division by zero', 'running']);
  await loop.stop();
  expect(loop.status().state).toBe('stopped');
  await log.close();
});

test('an older epoch is fenced and stops', async () => {
  const log = await pipeline(freshFolder());
  await log.append({ batches: [], reader: { id: 'copy', epoch: 2, positions: [], state: Uint8Array.of(0) } });
  const loop = startReaderLoop({ log, stage: new CopyStage(1), clock: systemClock, options: OPTIONS });
  await log.append({ batches: [{ stream: 'in', rows: events(1) }] });
  while (loop.status().state !== 'fenced') await new Promise((resolve) => setTimeout(resolve, 2));
  expect(loop.status().reason).toMatch(/READER_FENCED: reader copy is at epoch 2/);
  expect(log.range('out', 0).end).toBe(0);
  await loop.stop();
  await log.close();
});

test('a stage with its own store tells the log what it holds', async () => {
  const log = await pipeline(freshFolder());
  const stored: string[] = [];
  let held = 0;
  let pending: string[] = [];
  const stage: OwnStage = {
    store: 'own',
    id: 'lake',
    inputs: ['in'],
    restore: () => ((pending = []), [{ stream: 'in', partition: 0, offset: held }]),
    process: (batch) => void pending.push(...ids(batch)),
    flush(positions) {
      if (pending.length < 4) return null;
      stored.push(...pending.splice(0));
      held = positions[0]!.offset;
      return positions;
    },
  };
  const loop = startReaderLoop({ log, stage, clock: systemClock, options: OPTIONS });
  await log.append({ batches: [{ stream: 'in', rows: events(4) }] });
  await loop.drained();
  await log.append({ batches: [{ stream: 'in', rows: events(2, 4) }] });
  while (loop.status().lagRows > 0) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(stored).toEqual(['e0', 'e1', 'e2', 'e3']);
  expect(log.stats().readers).toEqual([{ id: 'lake', lagRows: 2 }]);
  expect(log.reader('lake')).toBeUndefined();
  await loop.stop();
  await log.close();
});

test('ticks come only after every row stamped before them', async () => {
  const log = await pipeline(freshFolder());
  const seen: { rows: number; clockMs: number }[] = [];
  let rows = 0;
  let lastStamp = 0;
  const stage: LogStage = {
    store: 'log',
    id: 'ticks',
    epoch: 1,
    inputs: ['in'],
    restore: () => [],
    process(batch) {
      rows += batch.rows;
      lastStamp = batch.receivedAt;
      for (const tick of seen) expect(batch.receivedAt).toBeGreaterThanOrEqual(tick.clockMs);
    },
    tick: (_stream, { clockMs }) => void seen.push({ rows, clockMs }),
    flush: () => null,
  };
  const loop = startReaderLoop({ log, stage, clock: systemClock, options: OPTIONS });
  for (let i = 0; i < 20; i++) {
    await log.append({ batches: [{ stream: 'in', rows: events(3, i * 3) }] });
    if (i % 4 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
  }
  await loop.drained();
  while (seen.at(-1)?.rows !== 60) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(seen.at(-1)!.clockMs).toBeGreaterThanOrEqual(lastStamp);
  await loop.stop();
  await log.close();
});

test('what is due waits for no interval', async () => {
  const log = await pipeline(freshFolder());
  const stage: LogStage = new CopyStage();
  let isDue = false;
  stage.isDue = () => isDue;
  let committed = (): void => {};
  const isCommitted = new Promise<void>((resolve) => (committed = resolve));
  stage.committed = () => committed();
  const options = { ...OPTIONS, flushEveryMs: 3_600_000 };
  const loop = startReaderLoop({ log, stage, clock: systemClock, options });
  await log.append({ batches: [{ stream: 'in', rows: events(10) }] });
  await expect.poll(() => loop.status().rowsRead).toBe(10);
  expect(log.range('out', 0).end).toBe(0);
  isDue = true;
  await isCommitted;
  expect(log.range('out', 0).end).toBe(10);
  await loop.stop();
  await log.close();
});

test('while a replay waits for rows of one partition, another that is at its end does not keep the thread', async () => {
  const log = await open(freshFolder());
  await log.createStream(definition('in', { partitions: 2 }));
  await log.createStream(definition('out'));
  const positions = [0, 1].map((partition) => ({ stream: 'in', partition, offset: 0 }));
  await log.append({ batches: [{ stream: 'in', rows: events(40) }] });
  const ends = positions.map((position) => ({ ...position, offset: log.range('in', position.partition).end }));
  expect(ends.every(({ offset }) => offset > 0)).toBe(true);
  await log.append({ batches: [], reader: { id: 'copy', epoch: 1, positions: ends, state: Uint8Array.of(0) } });
  // What partition 1 has comes from elsewhere, some turns of the event loop later.
  let asked = 0;
  const slow: Log = Object.create(log, {
    cursor: {
      value: (stream: string, partition: number, offset: number): LogCursor => {
        const cursor = log.cursor(stream, partition, offset);
        if (partition === 0) return cursor;
        let coming = turns(50).then(() => (coming = null)) as Promise<null> | null;
        return Object.create(cursor, {
          position: { get: () => cursor.position },
          next: { value: () => (asked++, coming === null ? cursor.next() : null) },
          wait: { value: (signal?: AbortSignal) => coming ?? cursor.wait(signal) },
          close: { value: () => cursor.close() },
          leads: { value: false },
        }) as LogCursor;
      },
    },
  }) as Log;
  for (const name of ['append', 'range', 'stream', 'streams', 'reader', 'arrivalClock', 'registerReader'] as const)
    Object.defineProperty(slow, name, { value: (log[name] as (...args: never[]) => unknown).bind(log) });
  const stage = new CopyStage();
  stage.restore = () => [{ ...ends[0]! }, positions[1]!] as unknown as [];
  const loop = startReaderLoop({ log: slow, stage, clock: systemClock, options: OPTIONS });
  await loop.drained();
  expect(stage.calls).toEqual([`replay 0+${ends[1]!.offset}`]);
  expect(asked).toBeLessThan(1_000);
  await loop.stop();
  await log.close();
});

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
