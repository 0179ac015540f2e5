import { expect, test } from 'vitest';
import type { EmbeddedLog } from '../../src/log/embedded/open.js';
import type { MillraceError } from '../../src/util/errors.js';
import { SimClock } from '../sim/clock.js';
import { errno, SimDisk, type DiskOperation } from '../sim/disk.js';
import { SeededRandom } from '../sim/random.js';
import { definition, events, idsOf, open } from './support.js';

const SEED = 20_261_122;

interface Bench {
  readonly log: EmbeddedLog;
  readonly disk: SimDisk;
  readonly clock: SimClock;
  readonly problems: (string | null)[];
}

async function openSim(disk = new SimDisk(new SeededRandom(SEED))): Promise<Bench> {
  const clock = new SimClock();
  const problems: (string | null)[] = [];
  const log = await open('/log', {
    disk,
    clock,
    random: new SeededRandom(SEED),
    lock: () => Promise.resolve(() => undefined),
    onProblem: (problem) => problems.push(problem?.code ?? null),
  });
  await log.createStream(definition('events'));
  return { log, disk, clock, problems };
}

function append(log: EmbeddedLog, from: number, count = 3): Promise<unknown> {
  return log.append({ batches: [{ stream: 'events', rows: events(count, from) }] });
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error: unknown) => (error as MillraceError).code,
  );
}

/** Fails the next `times` operations of these kinds; remembers the files that failed. */
function failing(disk: SimDisk, kinds: readonly DiskOperation['kind'][], code: string, times = 1): Set<string> {
  const failed = new Set<string>();
  disk.fault = (operation) => {
    if (times > 0 && kinds.includes(operation.kind)) {
      times -= 1;
      failed.add(operation.path);
      return errno(code, operation.kind);
    }
    return undefined;
  };
  return failed;
}

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve));
}

for (const kind of ['write', 'sync'] as const)
  test(`EIO on a commit's ${kind}: the rows go to a new segment, and the failed one is never synced again`, async () => {
    const { log, disk, problems } = await openSim();
    await append(log, 0);
    await settle();
    const failed = failing(disk, [kind], 'EIO');
    await append(log, 3);
    const after: string[] = [];
    disk.fault = ({ kind: what, path }) => {
      if ((what === 'sync' || what === 'write' || what === 'truncate') && failed.has(path))
        after.push(`${what} ${path}`);
      return undefined;
    };
    for (let i = 6; i < 30; i += 3) await append(log, i);
    const ids = Array.from({ length: 30 }, (_, i) => `e${i}`);
    expect(failed.size).toBe(1);
    expect(idsOf(log, 'events')).toEqual(ids);
    expect(log.stats()).toMatchObject({ state: 'writing', failedCommits: 1 });
    expect(problems).toEqual([]);
    await log.close();
    expect(after).toEqual([]);
    const again = await openSim(disk.crash());
    expect(idsOf(again.log, 'events')).toEqual(ids);
    expect(again.log.recovery.damaged).toEqual([]);
  });

test('a refused commit is never read, though the segment behind it could not be begun either', async () => {
  const { log, disk, clock } = await openSim();
  await append(log, 0);
  await settle();
  // The commit reaches the file but not the disk; of the next segment not even the header is written.
  let commits = 0;
  disk.fault = ({ kind }) =>
    (kind === 'sync' && commits++ === 0) || (kind === 'write' && commits > 0) ? errno('EIO', kind) : undefined;
  expect(await codeOf(append(log, 3))).toBe('LOG_UNAVAILABLE');
  disk.fault = undefined;
  for (let i = 0; i < 10 && log.stats().state !== 'writing'; i++) {
    clock.advance(300);
    await settle();
  }
  await append(log, 6);
  expect(idsOf(log, 'events')).toEqual(['e0', 'e1', 'e2', 'e6', 'e7', 'e8']);
  await log.close();
});

test('a failed commit is not there after a restart when it was refused', async () => {
  const { log, disk } = await openSim();
  await append(log, 0);
  await settle();
  failing(disk, ['sync'], 'EIO', 1000);
  expect(await codeOf(append(log, 3))).toBe('LOG_UNAVAILABLE');
  disk.fault = undefined;
  // The bytes of the refused commit are in the file; what counts is where the segment ended.
  const { log: again } = await openSim(disk.copy());
  const ids = idsOf(again, 'events');
  expect([3, 6]).toContain(ids.length);
});

test('a disk that fails for good: 503 at once, the log lives, and goes on by itself', async () => {
  const { log, disk, clock, problems } = await openSim();
  await append(log, 0);
  await settle();
  failing(disk, ['write', 'sync', 'allocate'], 'EIO', Infinity);
  expect(await codeOf(append(log, 3))).toBe('LOG_UNAVAILABLE');
  expect(await codeOf(append(log, 3))).toBe('LOG_UNAVAILABLE');
  expect(log.stats()).toMatchObject({ state: 'failing' });
  expect(idsOf(log, 'events')).toEqual(['e0', 'e1', 'e2']);
  for (let i = 0; i < 5; i++) {
    clock.advance(300);
    await settle();
  }
  expect(await codeOf(append(log, 3))).toBe('LOG_UNAVAILABLE');
  disk.fault = undefined;
  clock.advance(300);
  await settle();
  expect(problems).toEqual(['LOG_UNAVAILABLE', null]);
  await append(log, 3);
  expect(idsOf(log, 'events')).toEqual(['e0', 'e1', 'e2', 'e3', 'e4', 'e5']);
  expect(log.range('events', 0)).toEqual({ start: 0, end: 6 });
});

test('a full disk: what is prepared is still used, then LOG_DISK_FULL, then it goes on', async () => {
  const { log, disk, clock, problems } = await openSim();
  await append(log, 0);
  await settle();
  failing(disk, ['allocate'], 'ENOSPC', Infinity);
  let taken = 3;
  let code = 'done';
  for (let i = 0; i < 400 && code === 'done'; i++) {
    code = await codeOf(append(log, taken, 100));
    if (code === 'done') taken += 100;
  }
  expect(code).toBe('LOG_DISK_FULL');
  expect(taken).toBeGreaterThan(1000);
  expect(log.stats().state).toBe('full');
  expect(idsOf(log, 'events')).toHaveLength(taken);
  disk.fault = undefined;
  clock.advance(300);
  await settle();
  expect(problems).toEqual(['LOG_DISK_FULL', null]);
  await append(log, taken);
  expect(idsOf(log, 'events').at(-1)).toBe(`e${taken + 2}`);
});

test('what waits is bounded: LOG_OVERLOADED, and nothing that was taken is lost', async () => {
  const clock = new SimClock();
  const disk = new SimDisk(new SeededRandom(SEED));
  const log = await open('/log', {
    disk,
    clock,
    random: new SeededRandom(SEED),
    lock: () => Promise.resolve(() => undefined),
    options: { pendingBytesMax: 20_000 },
  });
  await log.createStream(definition('events'));
  const codes = await Promise.all(Array.from({ length: 40 }, (_, i) => codeOf(append(log, i * 50, 50))));
  expect(new Set(codes)).toEqual(new Set(['done', 'LOG_OVERLOADED']));
  expect(idsOf(log, 'events')).toHaveLength(codes.filter((code) => code === 'done').length * 50);
  expect(log.stats().bytesPending).toBe(0);
  expect(await codeOf(append(log, 5000))).toBe('done');
});

test('one append that can not be encoded does not take the others with it', async () => {
  const { log } = await openSim();
  const good = events(3);
  const bad = {
    ...events(3, 3),
    column: (index: number) =>
      index === 3 ? { kind: 'double' as const, nulls: null, values: new Float64Array(3) } : events(3, 3).column(index),
  };
  const codes = await Promise.all([
    codeOf(log.append({ batches: [{ stream: 'events', rows: good }] })),
    codeOf(log.append({ batches: [{ stream: 'events', rows: bad }] })),
    codeOf(append(log, 6)),
  ]);
  expect(codes).toEqual(['done', 'BATCH_INVALID', 'done']);
  expect(idsOf(log, 'events')).toEqual(['e0', 'e1', 'e2', 'e6', 'e7', 'e8']);
});
