import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Budget, readBody } from '../../src/collect/http/body.js';

function request(chunks: readonly Uint8Array[], headers: Record<string, string>): IncomingMessage {
  return Object.assign(Readable.from(chunks, { objectMode: false }), {
    headers,
    complete: true,
  }) as unknown as IncomingMessage;
}

describe('a body', () => {
  test('that is small and unpacks to much is refused while it unpacks', async () => {
    const budget = new Budget(1e6);
    const bomb = request([gzipSync(Buffer.alloc(20_000_000))], { 'content-encoding': 'gzip' });
    await expect(readBody(bomb, 100_000, budget)).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
    expect(budget.used).toBe(0);
  });

  test('counts unpacked, no more packed, until it is released', async () => {
    const budget = new Budget(1e6);
    const packed = gzipSync(Buffer.alloc(5000, 'x'));
    const body = await readBody(
      request([packed.subarray(0, 10), packed.subarray(10)], { 'content-encoding': 'gzip' }),
      10_000,
      budget,
    );
    expect([body.bytes.length, budget.used]).toEqual([5000, 5000]);
    body.release();
    expect(budget.used).toBe(0);
  });

  test('without a length is counted as it comes', async () => {
    const budget = new Budget(100);
    const chunks = [Buffer.alloc(60), Buffer.alloc(60)];
    await expect(readBody(request(chunks, {}), 1000, budget)).rejects.toMatchObject({ code: 'RATE_LIMITED' });
    expect(budget.used).toBe(0);
  });
});
