import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { batchFromRows } from '../../../src/event/rows.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import { realDisk } from '../../../src/io/disk-real.js';
import { TempFiles } from '../../../src/serve/query/temp-files.js';

const SCHEMA = defineSchema({ columns: { n: 'int64' } });
const rows = (n: number) => () => [[{ batch: batchFromRows(SCHEMA, [{ n }]), rows: null }]];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-temp-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('temporary files', () => {
  it('are removed at start, because nothing in them is the truth', () => {
    writeFileSync(join(folder, '7.parquet'), 'x');
    writeFileSync(join(folder, 'other'), 'x');
    const files = new TempFiles(folder, realDisk);
    expect([readdirSync(folder), files.size]).toEqual([['other'], 0]);
  });

  it('are written once for many queries at a time', async () => {
    const files = new TempFiles(folder, realDisk);
    let written = 0;
    const once = () => ((written += 1), rows(1)());
    const taken = await Promise.all([1, 2, 3].map(() => files.take('a', SCHEMA, once)));
    expect([written, new Set(taken.map(({ path }) => path)).size, readdirSync(folder).length]).toEqual([1, 1, 1]);
  });

  it.each([
    ['files', { filesMax: 3 }],
    ['bytes', { bytesMax: 1_000 }],
  ])('are bounded in %s, oldest use first, but never taken from a query', async (_name, limits) => {
    const files = new TempFiles(folder, realDisk, limits);
    const held = await files.take('held', SCHEMA, rows(0));
    for (let n = 1; n < 20; n++) (await files.take(String(n), SCHEMA, rows(n))).release();
    await settled();
    expect(files.size).toBeLessThanOrEqual(4);
    expect(readdirSync(folder)).toHaveLength(files.size);
    expect(readdirSync(folder).map((name) => join(folder, name))).toContain(held.path);
    expect(files.has('19')).toBe(true);
    held.release();
    await files.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('try again after a failure, and hold nothing for it', async () => {
    const files = new TempFiles(folder, realDisk);
    const failing = () => {
      throw new Error('no space');
    };
    await expect(files.take('a', SCHEMA, () => ({ [Symbol.iterator]: failing }))).rejects.toThrow('no space');
    expect((await files.take('a', SCHEMA, rows(1))).path).not.toBeNull();
  });
});
