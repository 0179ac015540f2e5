import { expect, test } from 'vitest';
import { BufferPool } from '../../src/util/buffer-pool.js';

test('a buffer that was given back serves the next who needs its size, and only one', () => {
  const pool = new BufferPool();
  const first = pool.take(100_000);
  expect(first.byteLength).toBe(131_072);
  pool.give(first);
  expect(pool.bytes).toBe(131_072);
  expect(pool.take(200_000)).not.toBe(first);
  expect(pool.take(70_000)).toBe(first);
  expect(pool.take(70_000)).not.toBe(first);
  expect(pool.bytes).toBe(0);
});

test('small, huge and foreign buffers are not kept', () => {
  const pool = new BufferPool();
  for (const length of [0, 1, 1000, 5 * 1024 * 1024]) {
    const buffer = pool.take(length);
    expect(buffer.byteLength).toBe(length);
    pool.give(buffer);
  }
  pool.give(new ArrayBuffer(100_000));
  expect(pool.bytes).toBe(0);
});

test('it keeps 32 MiB and no more', () => {
  const pool = new BufferPool();
  const taken = Array.from({ length: 12 }, () => pool.take(4 * 1024 * 1024));
  for (const buffer of taken) pool.give(buffer);
  expect(pool.bytes).toBe(32 * 1024 * 1024);
});
