/**
 * Batches written by every released version must read for ever. To add a version: run with
 * `GOLDEN_WRITE=1` once, at its release, and never again.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  BatchTarget,
  decodeBatch,
  DictionaryChain,
  DictionaryScope,
  encodeAttached,
  encodeBatch,
  encodeClock,
  patchHeader,
  readHeader,
  totalBytesOf,
} from '../../src/event/batch.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { EVERY_TYPE } from './arbitrary.js';

const FILE = join(import.meta.dirname, '..', 'golden', 'batch-v1.bin');

const ROWS = Array.from({ length: 300 }, (_, i) => ({
  tenant: `tenant-${i % 3}`,
  id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
  time: 1_750_000_000_000 + i * 977,
  u: i % 4 === 0 ? null : `ffffffff-0000-4000-8000-${String(i).padStart(12, '0')}`,
  s: `text ${i} ü`,
  s2: i % 2 ? null : 'x'.repeat(i),
  d: i % 5 === 0 ? null : `word ${i % 40}`,
  l: Array.from({ length: i % 4 }, (_, k) => `item ${k + (i % 7)}`),
  l2: i % 3 === 0 ? null : ['a', `b${i % 9}`],
  b: i % 6 === 0 ? null : Buffer.from([i & 255, 0, 255]).toString('base64'),
  i: i % 2 ? -i : i * 3,
  i2: i % 7 === 0 ? null : i % 2 ? '9223372036854775807' : -5,
  f: i % 8 === 0 ? null : i / 3,
  m: `${i}.250000`,
  m2: i % 9 === 0 ? null : `-${i * 1000}.000001`,
  t: i % 10 === 0 ? null : 1_750_000_000_000 - i,
  o: i % 11 === 0 ? null : i % 2 === 0,
  j: i % 12 === 0 ? null : { i, list: [i, 'x'], deep: { ok: true } },
}));

/** Attached batches of 100, 100 and 99 rows, a clock record, and a self-contained batch of one row. */
function write(): Uint8Array {
  const target = new BatchTarget();
  const scope = new DictionaryScope(EVERY_TYPE);
  for (const [from, to] of [
    [0, 100],
    [100, 200],
    [200, 299],
  ] as const)
    encodeAttached(
      [{ batch: batchFromRows(EVERY_TYPE, ROWS.slice(from, to)), rows: null }],
      scope,
      { baseOffset: from, receivedAt: 1_750_000_100_000, segmentPosition: target.position },
      target,
    );
  encodeClock(target, { baseOffset: 299, receivedAt: 1_750_000_100_001 }, 2500);
  const own = encodeBatch(batchFromRows(EVERY_TYPE, ROWS.slice(299)));
  patchHeader(own, 299, 1_750_000_100_002);
  return Buffer.concat([target.bytes.subarray(0, target.position), own]);
}

test('batches of version 1 read for ever', () => {
  if (process.env['GOLDEN_WRITE'] === '1' && !existsSync(FILE)) writeFileSync(FILE, write());
  const bytes = new Uint8Array(readFileSync(FILE));
  const chain = new DictionaryChain();
  const rows: unknown[] = [];
  const kinds: string[] = [];
  for (let at = 0; at < bytes.length; at += totalBytesOf(bytes.subarray(at))) {
    const one = bytes.subarray(at, at + totalBytesOf(bytes.subarray(at)));
    const header = readHeader(one);
    kinds.push(`${header.kind}${header.attached ? ' attached' : ''} ${header.baseOffset}+${header.rows}`);
    chain.apply(one);
    const batch = decodeBatch(one, EVERY_TYPE, chain);
    for (let row = 0; row < batch.rows; row++) rows.push(rowOf(batch, row));
  }
  expect(kinds).toEqual([
    'rows attached 0+100',
    'rows attached 100+100',
    'rows attached 200+99',
    'clock 299+0',
    'rows 299+1',
  ]);
  expect(rows).toEqual(
    ROWS.map((row, i) => ({ ...row, received_at: i < 299 ? 1_750_000_100_000 : 1_750_000_100_002 })),
  );
});

test('what is written today is version 1, byte for byte', () => {
  expect(Buffer.compare(write(), readFileSync(FILE))).toBe(0);
});
