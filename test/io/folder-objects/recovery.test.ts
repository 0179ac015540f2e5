import { mkdtempSync, rmSync, utimesSync, writeFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/io/clock.js';
import { realDisk } from '../../../src/io/disk-real.js';
import type { Disk } from '../../../src/io/disk.js';
import { openFolderStore } from '../../../src/io/folder-objects/store.js';
import type { ObjectStore } from '../../../src/io/objects.js';
import { systemRandom } from '../../../src/io/random.js';
import { all, bytesOf, codeOf, keysOf } from '../../conformance/objects.js';
import { errno, SimDisk, type DiskControl } from '../../sim/disk.js';
import { SeededRandom } from '../../sim/random.js';
import { rounds } from '../../sim/rounds.js';

const TEXT = { contentType: 'text/plain' };
const folder = mkdtempSync(join(tmpdir(), 'millrace-objects-'));
afterAll(() => rmSync(folder, { recursive: true }));

let root: string;
let count = 0;
beforeEach(() => {
  root = join(folder, String(count++));
});

function open(owner = 'one', disk: Disk = realDisk, more: { root?: string; strangerMs?: number } = {}): ObjectStore {
  return openFolderStore({ root, owner, disk, clock: systemClock, random: systemRandom, ...more });
}

const temporary = (): string[] => readdirSync(join(root, '.millrace-tmp'));

describe('power loss', () => {
  /** Puts, cuts the power at a random moment, and tells what the next life finds wrong. */
  async function round(seed: number, control?: DiskControl): Promise<string[]> {
    const random = new SeededRandom(seed);
    const disk = new SimDisk(random, control);
    const at = { root: '/data/store' };
    const store = open('one', disk, at);
    const bodies = Array.from({ length: 8 }, () => random.fill(new Uint8Array(1 + random.below(4000))));
    const acknowledged = new Map<string, Uint8Array>();
    const end = random.below(60);
    const work = bodies.map(async (body, index) => {
      const key = `a/${index % 3}/${index >> 1}`;
      const { alreadyThere } = await store.put(key, body, { ...TEXT, ifNoneMatch: true });
      if (!alreadyThere) acknowledged.set(key, body);
    });
    const working = Promise.allSettled(work);
    for (let turn = 0; turn < end; turn++) await new Promise((resolve) => setImmediate(resolve));
    const promised = new Map(acknowledged);
    const next = disk.crash();
    await Promise.race([working, new Promise((resolve) => setTimeout(resolve, 5))]);

    const wrong: string[] = [];
    const after = open('one', next, at);
    for (const key of await keysOf(after)) {
      const bytes = await bytesOf(after, key);
      if (!bodies.some((body) => bytes!.equals(body))) wrong.push(`${key} is torn`);
    }
    for (const [key, body] of promised)
      if (!(await bytesOf(after, key))?.equals(body)) wrong.push(`${key} was acknowledged and is gone`);
    if (next.list(`${at.root}/.millrace-tmp`).length > 0) wrong.push('half-written files are left');
    return wrong;
  }

  const seeds = Array.from({ length: rounds(60, 150) }, (_, i) => i + 1);

  test('leaves every object whole or absent, and those acknowledged', async () => {
    for (const seed of seeds) expect(await round(seed), `seed ${seed}`).toEqual([]);
  });

  test.each(['no-data-sync', 'no-directory-sync'] as const)('is noticed with %s', async (control) => {
    const wrong: string[] = [];
    for (const seed of seeds) wrong.push(...(await round(seed, control)));
    expect(wrong.length).toBeGreaterThan(0);
  });

  test('keeps folders too: each above a new object is synced before the put resolves', async () => {
    const synced = new Set<string>();
    let made = false;
    const disk: Disk = {
      ...realDisk,
      makeFolder: (path) => {
        made = true;
        realDisk.makeFolder(path);
      },
      syncDirectoryLater: async (path) => {
        if (made) synced.add(path);
        await realDisk.syncDirectoryLater(path);
      },
    };
    const store = open('one', disk);
    await store.put('a/b/c/x', Buffer.from('x'), TEXT);
    expect([...synced]).toEqual(['', '/a', '/a/b', '/a/b/c'].map((path) => root + path));
    synced.clear();
    await store.put('a/b/c/y', Buffer.from('x'), TEXT);
    expect([...synced]).toEqual([`${root}/a/b/c`]);
    // Another process can't know whether the first had come to syncing them.
    synced.clear();
    const other = open('two', disk);
    await other.put('a/b/c/x', Buffer.from('x'), { ...TEXT, ifNoneMatch: true });
    expect([...synced]).toEqual([`${root}/a/b/c`]);
    await other.put('a/b/c/z', Buffer.from('x'), TEXT);
    expect([...synced].toSorted()).toEqual(['', '/a', '/a/b', '/a/b/c'].map((path) => root + path));
  });
});

describe('after a kill', () => {
  test('half-written objects of the same owner go; uploads stay until they are aborted', async () => {
    const store = open();
    const upload = await store.createMultipart('a', TEXT);
    await store.uploadPart(upload, 1, Buffer.from('x'));
    const put = (name: string) => writeFileSync(join(root, '.millrace-tmp', name), 'half');
    const id = '0123456789abcdef01234567';
    put(`one.${id}.put`);
    put(`one.${id}.part-1`);
    put(`one.${id}.upload`);
    put(`two.${id}.put`);
    put('other file');
    const again = open();
    expect(temporary().toSorted()).toEqual(
      [`${upload.uploadId}.part-1`, `${upload.uploadId}.upload`, 'other file', `two.${id}.put`].toSorted(),
    );
    expect(await all(again.listMultiparts(''))).toMatchObject([upload]);
    expect(await keysOf(again)).toEqual([]);
    await again.abortMultipart(upload);
    expect(temporary().toSorted()).toEqual(['other file', `two.${id}.put`]);
  });

  test("another owner's go when they are old", () => {
    open();
    const path = join(root, '.millrace-tmp', 'two.0123456789abcdef01234567.put');
    writeFileSync(path, 'half');
    open('one', realDisk, { strangerMs: 60_000 });
    expect(temporary()).toHaveLength(1);
    utimesSync(path, new Date(Date.now() - 120_000), new Date(Date.now() - 120_000));
    open('one', realDisk, { strangerMs: 60_000 });
    expect(temporary()).toEqual([]);
  });
});

describe('a failing disk', () => {
  const failing = (kind: string, code: string): Disk => {
    const disk = new SimDisk(new SeededRandom(1));
    disk.fault = (operation) =>
      operation.kind === kind && operation.path.includes('.millrace-tmp/') ? errno(code, 'failed') : undefined;
    return disk;
  };

  test.each([
    ['write', 'ENOSPC', 'STORE_UNAVAILABLE'],
    ['sync', 'EIO', 'STORE_UNAVAILABLE'],
    ['open', 'EMFILE', 'STORE_UNAVAILABLE'],
    ['open', 'EACCES', 'STORE_REFUSED'],
    ['open', 'EROFS', 'STORE_REFUSED'],
    ['rename', 'ENAMETOOLONG', 'STORE_KEY_INVALID'],
  ])('%s %s: %s, and nothing is left', async (kind, errnoCode, code) => {
    const disk = failing(kind, errnoCode);
    const store = open('one', disk, { root: '/data' });
    expect(await codeOf(store.put('a', Buffer.from('x'), TEXT))).toBe(code);
    expect(disk.list('/data/.millrace-tmp')).toEqual([]);
    expect(await store.head('a')).toBeUndefined();
  });

  test('a key can not be a file and a folder', async () => {
    const store = open();
    await store.put('a/b', Buffer.from('x'), TEXT);
    expect(await codeOf(store.put('a', Buffer.from('x'), TEXT))).toBe('STORE_KEY_INVALID');
    expect(await codeOf(store.put('a', Buffer.from('x'), { ...TEXT, ifNoneMatch: true }))).toBe('STORE_KEY_INVALID');
    expect(await codeOf(store.put('a/b/c', Buffer.from('x'), TEXT))).toBe('STORE_KEY_INVALID');
    expect(await keysOf(store)).toEqual(['a/b']);
    expect(temporary()).toEqual([]);
  });

  test('a folder that somebody removes is made again', async () => {
    const store = open();
    await store.put('a/b/c', Buffer.from('x'), TEXT);
    rmSync(join(root, 'a'), { recursive: true });
    expect(await codeOf(store.put('a/b/c', Buffer.from('x'), TEXT))).toBe('STORE_UNAVAILABLE');
    await store.put('a/b/c', Buffer.from('x'), TEXT);
    expect(await keysOf(store)).toEqual(['a/b/c']);
  });

  test('an upload id that could be a path reaches nothing', async () => {
    const store = open();
    for (const key of ['x.upload', 'x.part-1']) await store.put(key, Buffer.from('x'), TEXT);
    const upload = { key: 'a', uploadId: '../x' };
    await store.abortMultipart(upload);
    expect(await codeOf(store.uploadPart(upload, 1, Buffer.from('y')))).toBe('STORE_REFUSED');
    expect(String(await bytesOf(store, 'x.part-1'))).toBe('x');
    expect(await keysOf(store)).toEqual(['x.part-1', 'x.upload']);
  });

  test('a part has a number from 1 to 10,000, and parts are joined in rising order', async () => {
    const store = open();
    const upload = await store.createMultipart('a', TEXT);
    for (const number of [0, -1, 1.5, 10_001, Number.NaN])
      expect(await codeOf(store.uploadPart(upload, number, Buffer.from('y')))).toBe('STORE_REFUSED');
    const one = await store.uploadPart(upload, 1, Buffer.from('1'));
    const two = await store.uploadPart(upload, 10_000, Buffer.from('2'));
    for (const parts of [[], [two, one], [one, one]])
      expect(await codeOf(store.completeMultipart(upload, parts))).toBe('STORE_REFUSED');
    await store.completeMultipart(upload, [one, two]);
    expect(String(await bytesOf(store, 'a'))).toBe('12');
    expect(temporary()).toEqual([]);
  });

  test('an owner that could be a path is refused, and a closed store does nothing', async () => {
    expect(() => open('../x')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    const store = open();
    await store.close();
    await expect(store.put('a', Buffer.from('x'), TEXT)).rejects.toThrow('closed');
  });
});
