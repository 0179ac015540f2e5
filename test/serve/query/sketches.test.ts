/** Sketches in queries: merged by our own code, whatever DuckDB does around it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { wordOfWords } from '../../../src/sql/aggregates/sketches/hash.js';
import { NOT_SKETCH, sketchBytes } from '../../../src/sql/aggregates/sketches/hyperloglog-bytes.js';
import { Sketches } from '../../../src/sql/aggregates/sketches/hyperloglog.js';
import { Duck } from '../../../src/serve/query/duck.js';
import { engineError } from '../../../src/serve/query/engine-error.js';
import { SKETCH_BYTES_MAX } from '../../../src/serve/query/sketch-functions.js';

let folder: string;
let duck: Duck;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-sketch-'));
  const memory = { memoryBytesMax: 256 << 20, spillBytesMax: 256 << 20 };
  duck = await Duck.open({ folders: [folder], spillFolder: join(folder, 'spill'), threads: 2, ...memory });
});
afterAll(async () => {
  await duck.close();
  rmSync(folder, { recursive: true });
});

function sketch(
  from: number,
  count: number,
): { readonly literal: string; readonly estimate: number; readonly bytes: number } {
  const sketches = new Sketches(1);
  for (let value = from; value < from + count; value++) sketches.add(0, wordOfWords(value, 0, 0, 0));
  const bytes = sketchBytes(sketches.contents(0));
  const hex = Buffer.from(bytes).toString('hex').replace(/../g, '\\x$&');
  return { literal: `'${hex}'::BLOB`, estimate: sketches.estimate(0), bytes: bytes.length };
}

async function ask(sql: string): Promise<unknown[][]> {
  try {
    return await duck.select(sql, new AbortController().signal, async (result) => await result.getRows());
  } catch (error) {
    throw engineError(error, true);
  }
}

it('merges groups to what one sketch would say, NULLs left out', async () => {
  const parts = [sketch(0, 100), sketch(50, 900), sketch(5_000, 3)];
  const rows = parts.map(({ literal }, index) => `(${index % 2}, ${literal})`).join(', ');
  const answer = await ask(
    `SELECT k, millrace_sketch_count(millrace_sketch_union(list(s))) FROM (VALUES ${rows}, (0, NULL), (2, NULL)) t(k, s) GROUP BY k ORDER BY k`,
  );
  const both = new Sketches(1);
  for (let value = 0; value < 100; value++) both.add(0, wordOfWords(value, 0, 0, 0));
  for (let value = 5_000; value < 5_003; value++) both.add(0, wordOfWords(value, 0, 0, 0));
  expect(answer).toEqual([
    [0, BigInt(both.estimate(0))],
    [1, BigInt(parts[1]!.estimate)],
    [2, null],
  ]);
});

it('refuses bytes that are no sketch, and too many at once', async () => {
  await expect(ask(`SELECT millrace_sketch_count('\\x01\\x07'::BLOB)`)).rejects.toMatchObject({
    code: 'SQL_RUNTIME',
    message: NOT_SKETCH,
  });
  const { literal, bytes } = sketch(0, 5_000);
  const many = Math.ceil(SKETCH_BYTES_MAX / bytes) + 1;
  await expect(
    ask(`SELECT millrace_sketch_union(list(s)) FROM (SELECT ${literal} s FROM range(${many}))`),
  ).rejects.toMatchObject({ code: 'QUERY_TOO_LARGE' });
});
