/** Readers of one thread go together, so that what one reads, all have read. */
import { afterEach, expect, test } from 'vitest';
import { systemClock, type Clock } from '../../src/io/clock.js';
import { Companions } from '../../src/log/embedded/companions.js';
import { startReaderLoop } from '../../src/log/reader-loop.js';
import type { OwnStage } from '../../src/log/stage.js';
import { definition, events, freshFolder, open, removeFolders } from './support.js';

afterEach(removeFolders);

const BATCHES = 100;
/** Batches that readers go ahead together. */
const STEP = 8;

/** Timers that go off by hand. */
class Timers implements Clock {
  readonly #runs = new Set<() => void>();

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(_ms: number, run: () => void): () => void {
    this.#runs.add(run);
    return () => this.#runs.delete(run);
  }

  goOff(): void {
    for (const run of this.#runs) run();
  }
}

function reader(id: string, isSharing: boolean, process: OwnStage['process']): OwnStage {
  return { store: 'own', id, inputs: ['in'], isSharing, process, restore: () => [], flush: (positions) => positions };
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A reader that stands still at its third batch until `release`, and one that goes on. */
async function two(isSharing: boolean) {
  const log = await open(freshFolder());
  await log.createStream(definition('in'));
  for (let i = 0; i < BATCHES; i++) await log.append({ batches: [{ stream: 'in', rows: events(1, i) }] });
  const clock = new Timers();
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const slow = reader('slow', false, ({ baseOffset }) => (baseOffset < 2 ? undefined : released));
  const loops = [slow, reader('fast', isSharing, () => undefined)].map((stage) =>
    startReaderLoop({ log, stage, clock }),
  );
  const close = async (): Promise<void> => {
    await Promise.all(loops.map((loop) => loop.stop()));
    await log.close();
  };
  return { clock, release, close, read: () => loops.map((loop) => loop.status().rowsRead) };
}

test('a reader whose work others use waits for those that are close behind', async () => {
  const { clock, close, read, release } = await two(true);
  await expect.poll(read).toEqual([2, STEP]);
  await turns(100);
  expect(read()).toEqual([2, STEP]);
  // Not for ever.
  clock.goOff();
  await expect.poll(read).toEqual([2, 2 * STEP]);
  release();
  await expect.poll(read).toEqual([BATCHES, BATCHES]);
  await close();
});

test('and not for one that is far behind', async () => {
  const { clock, close, read, release } = await two(true);
  for (let step = 1; step <= 4; step++) {
    await expect.poll(read).toEqual([2, step * STEP]);
    clock.goOff();
  }
  await expect.poll(read).toEqual([2, BATCHES]);
  release();
  await close();
});

test('a reader whose work nobody uses waits for nobody', async () => {
  const { close, read, release } = await two(false);
  await expect.poll(read).toEqual([2, BATCHES]);
  release();
  await close();
});

test('who waits is told when the last has passed or gone', async () => {
  const companions = new Companions();
  const cursors = [{ position: 5 }, { position: 7 }, { position: 10 }];
  for (const cursor of cursors) companions.add(cursor);
  expect(companions.passed(8, 10)).toBe(null);
  let told = 0;
  void companions.passed(5, 10)!.then(() => told++);
  void companions.passed(5, 10)!.then(() => told++);
  cursors[0]!.position = 10;
  companions.moved();
  await turns(1);
  expect(told).toBe(0);
  companions.delete(cursors[1]!);
  await turns(1);
  expect(told).toBe(2);
});
