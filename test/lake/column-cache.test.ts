import { expect, test } from 'vitest';
import { constantInteger } from '../../src/event/integers.js';
import type { Column } from '../../src/event/columns.js';
import { ColumnCache } from '../../src/lake/column-cache.js';

const column = (bytes: number): Column => ({ kind: 'boolean', nulls: null, values: new Uint8Array(bytes) });

test('columns stay while their bytes do not exceed the bound; the one asked for longest ago goes', () => {
  const cache = new ColumnCache(100);
  const read: string[] = [];
  const get = (name: string, bytes: number) => cache.get(name, () => (read.push(name), column(bytes)));
  const a = get('a', 40);
  get('b', 40);
  expect(get('a', 40)).toBe(a);
  get('c', 40);
  expect(get('a', 40)).toBe(a);
  get('b', 40);
  expect(read).toEqual(['a', 'b', 'c', 'b']);
  // Larger than all of it: given out, and not kept.
  get('large', 101);
  get('large', 101);
  expect(read.slice(4)).toEqual(['large', 'large']);
});

test('a column without arrays costs nothing', () => {
  const cache = new ColumnCache(0);
  const one = cache.get('one', () => constantInteger(1n));
  expect(cache.get('one', () => constantInteger(2n))).toBe(one);
});
