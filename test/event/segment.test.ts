/** Attached batches in a segment: start anywhere, lose pages, flip bits. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  BatchTarget,
  decodeBatch,
  DictionaryChain,
  DictionaryScope,
  encodeAttached,
  encodeDictionary,
  lostOffsets,
  PAGES_PER_WHOLE,
  readDescriptor,
  readHeader,
  totalBytesOf,
} from '../../src/event/batch.js';
import { batchFromRows, rowOf } from '../../src/event/rows.js';
import { defineSchema } from '../../src/event/schema-define.js';
import { MillraceError } from '../../src/util/errors.js';
import { EVERY_TYPE, everyRows } from './arbitrary.js';

const SCHEMA = defineSchema({
  columns: { tenant: 'dictionary', word: 'dictionary?', tags: 'list', n: 'int64' },
  tenant: 'tenant',
});
const WORD = 1;

type Row = { tenant: string; word: string | null; tags: string[]; n: number };

/** A segment of batches of several partitions, one after the other. */
class Segment {
  readonly target = new BatchTarget();
  readonly batches: { partition: number; position: number; rows: Row[]; baseOffset: number }[] = [];
  readonly scopes: DictionaryScope[];
  readonly #ends: number[];

  constructor(partitions: number) {
    this.scopes = Array.from({ length: partitions }, () => new DictionaryScope(SCHEMA));
    this.#ends = this.scopes.map(() => 0);
  }

  append(partition: number, rows: Row[]): void {
    const baseOffset = this.#ends[partition]!;
    const position = this.target.position;
    encodeAttached(
      [{ batch: batchFromRows(SCHEMA, rows), rows: null }],
      this.scopes[partition]!,
      { baseOffset, receivedAt: 1, segmentPosition: position },
      this.target,
    );
    this.batches.push({ partition, position, rows, baseOffset });
    this.#ends[partition] = baseOffset + rows.length;
  }

  bytesAt(position: number): Uint8Array {
    const rest = this.target.bytes.subarray(position, this.target.position);
    return rest.subarray(0, totalBytesOf(rest));
  }
}

/** Partition p calls its words by other codes than its neighbours do. */
function fourPartitions(batches: number): Segment {
  const segment = new Segment(4);
  for (let k = 0; k < batches; k++) {
    const partition = (k * 3) % 4;
    segment.append(
      partition,
      Array.from({ length: 3 }, (_, i) => ({
        tenant: `t${partition}`,
        word: i === 2 ? null : `w${(k * (partition + 1) * 7 + i * 5) % 97}`,
        tags: [`x${(k + partition) % 13}`, `y${partition}`],
        n: k * 10 + i,
      })),
    );
  }
  return segment;
}

const plain = (rows: Row[]) => rows.map((row) => ({ ...row, received_at: 1 }));

function readAll(segment: Segment, index: number, chain: DictionaryChain): Record<string, unknown>[] {
  const { position, rows } = segment.batches[index]!;
  const batch = decodeBatch(segment.bytesAt(position), SCHEMA, chain);
  return rows.map((_, i) => rowOf(batch, i));
}

describe('a segment of 4 partitions whose codes conflict', () => {
  test('reads from every batch on, following at most so many pages', () => {
    const segment = fourPartitions(400);
    for (let start = 0; start < segment.batches.length; start++) {
      const { partition, position } = segment.batches[start]!;
      const chain = new DictionaryChain();
      let reads = 0;
      chain.open(segment.bytesAt(position), (at) => {
        reads++;
        return segment.bytesAt(at);
      });
      expect(reads).toBeLessThanOrEqual(PAGES_PER_WHOLE);
      let followed = 0;
      for (let index = start; index < segment.batches.length && followed < 5; index++) {
        if (segment.batches[index]!.partition !== partition) continue;
        if (index > start) chain.apply(segment.bytesAt(segment.batches[index]!.position));
        expect(readAll(segment, index, chain)).toEqual(plain(segment.batches[index]!.rows));
        followed++;
      }
    }
  });

  test('repeats the whole dictionary every so many pages', () => {
    const segment = new Segment(1);
    for (let k = 0; k < 200; k++) segment.append(0, [{ tenant: 't', word: `new${k}`, tags: [], n: k }]);
    const whole = segment.batches.map(({ position }) => readHeader(segment.bytesAt(position)).dictionary!.whole);
    expect(whole.flatMap((is, k) => (is ? [k] : []))).toEqual([0, 64, 128, 192]);
    let most = 0;
    for (const { position } of segment.batches) {
      let reads = 0;
      new DictionaryChain().open(segment.bytesAt(position), (at) => (reads++, segment.bytesAt(at)));
      most = Math.max(most, reads);
    }
    expect(most).toBe(PAGES_PER_WHOLE - 1);
  });

  test('reads with the dictionary of a sealed segment alone', () => {
    const segment = fourPartitions(100);
    for (const [partition, scope] of segment.scopes.entries()) {
      const target = new BatchTarget();
      encodeDictionary(scope, target);
      const chain = new DictionaryChain();
      chain.apply(target.bytes.subarray(0, target.position));
      segment.batches.forEach((batch, index) => {
        if (batch.partition === partition) expect(readAll(segment, index, chain)).toEqual(plain(batch.rows));
      });
    }
  });

  test('keeps the dictionary object while reading on, so that lookup tables stay warm', () => {
    const segment = fourPartitions(100);
    const chain = new DictionaryChain();
    const seen = new Set<unknown>();
    for (const { partition, position } of segment.batches) {
      if (partition !== 0) continue;
      chain.apply(segment.bytesAt(position));
      seen.add(chain.dictionary(WORD));
    }
    expect(seen.size).toBe(1);
  });
});

describe('a damaged segment', () => {
  test('names exactly the rows lost with each dictionary page, and a later whole page brings them back', () => {
    const segment = new Segment(1);
    for (let k = 0; k < 80; k++) {
      // Each batch brings a word of its own and uses an older one.
      segment.append(0, [
        { tenant: 't', word: `new${k}`, tags: [], n: 0 },
        { tenant: 't', word: `new${k >> 1}`, tags: [], n: 1 },
        { tenant: 't', word: null, tags: [], n: 2 },
      ]);
    }
    for (let damaged = 0; damaged < 80; damaged++) {
      const chain = new DictionaryChain();
      const lost: number[] = [];
      segment.batches.forEach(({ position, rows }, k) => {
        const bytes = segment.bytesAt(position).slice();
        const page = readHeader(bytes).dictionary!;
        if (k === damaged) bytes[page.at + page.bytes - 8]! ^= 1;
        chain.apply(bytes);
        const batch = decodeBatch(bytes, SCHEMA, chain);
        const gone = lostOffsets(batch, WORD);
        lost.push(...gone);
        const tenantsLost = lostOffsets(batch, 0);
        expect(tenantsLost).toEqual(damaged === 0 && k < 64 ? [k * 3, k * 3 + 1, k * 3 + 2] : []);
        if (gone.length === 0 && tenantsLost.length > 0) return;
        if (gone.length === 0) return expect(rows.map((_, i) => rowOf(batch, i))).toEqual(plain(rows));
        expect(() => batch.column(WORD)).toThrow(
          expect.objectContaining({
            code: 'LOG_PAGE_DAMAGED',
            message: expect.stringContaining("column 'word'") as string,
            place: `offsets ${gone.length === 2 ? `${gone[0]}-${gone[1]}` : gone[0]}`,
          }),
        );
        expect(batch.column(3).kind).toBe('integer');
      });
      expect(chain.damagedPages).toEqual([damaged * 3]);
      expect(lost).toEqual(expectedLost(damaged, 80));
    }
  });

  test('loses a whole batch and still names the rows of others', () => {
    const segment = new Segment(1);
    for (let k = 0; k < 4; k++)
      segment.append(
        0,
        [
          { tenant: 't', word: `new${k}`, tags: ['same'], n: 0 },
          { tenant: 't', word: 'new1', tags: [], n: 1 },
        ].slice(0, k === 0 ? 1 : 2) as Row[],
      );
    const chain = new DictionaryChain();
    const lost: number[] = [];
    for (const [k, { position }] of segment.batches.entries()) {
      if (k === 1) continue;
      const bytes = segment.bytesAt(position);
      chain.apply(bytes);
      lost.push(...lostOffsets(decodeBatch(bytes, SCHEMA, chain), WORD));
    }
    expect(lost).toEqual([4, 6]);
  });

  test('walks past a damaged whole page to the one before', () => {
    const segment = new Segment(1);
    for (let k = 0; k < 70; k++) segment.append(0, [{ tenant: 't', word: `new${k}`, tags: [], n: k }]);
    const damaged = segment.batches[64]!;
    const chain = new DictionaryChain();
    chain.open(segment.bytesAt(segment.batches[69]!.position), (at) => {
      const bytes = segment.bytesAt(at).slice();
      if (at === damaged.position) bytes[readHeader(bytes).dictionary!.at + 9]! ^= 255;
      return bytes;
    });
    expect(readAll(segment, 69, chain)).toEqual(plain(segment.batches[69]!.rows));
    expect(chain.holes(WORD)).toEqual([{ first: 64, end: 65 }]);
  });

  test('notices every flipped bit, in every region of a batch', () => {
    fc.assert(
      fc.property(everyRows, fc.array(fc.nat(), { minLength: 1, maxLength: 60 }), (rows, places) => {
        const target = new BatchTarget();
        const written = encodeAttached(
          [{ batch: batchFromRows(EVERY_TYPE, rows), rows: null }],
          new DictionaryScope(EVERY_TYPE),
          { baseOffset: 5, receivedAt: 1, segmentPosition: 0 },
          target,
        );
        const good = target.bytes.slice(0, written.bytes);
        for (const place of places) {
          const bad = good.slice();
          const at = (place >> 3) % bad.length;
          bad[at]! ^= 1 << (place & 7);
          const region = regionOf(good, at);
          expect(outcome(bad), `bit ${place & 7} of byte ${at}, ${region}`).toEqual(
            region === 'padding' ? 'same' : 'LOG_PAGE_DAMAGED',
          );
        }

        function outcome(bytes: Uint8Array): string {
          try {
            const chain = new DictionaryChain();
            chain.apply(bytes);
            const read = decodeBatch(bytes, EVERY_TYPE, chain);
            const texts = rows.map((_, i) => JSON.stringify(rowOf(read, i)));
            return JSON.stringify(texts) ===
              JSON.stringify(rows.map((row) => JSON.stringify({ ...row, received_at: 1 }))) &&
              chain.damagedPages.length === 0
              ? 'same'
              : chain.damagedPages.length > 0
                ? 'LOG_PAGE_DAMAGED'
                : 'wrong';
          } catch (error) {
            return error instanceof MillraceError ? error.code : String(error);
          }
        }
      }),
      { numRuns: 60 },
    );
  });
});

/** Which part of the batch a byte belongs to. */
function regionOf(bytes: Uint8Array, at: number): string {
  const header = readHeader(bytes);
  if (at < header.headerBytes) return 'header';
  const page = header.dictionary!;
  if (at >= page.at && at < page.at + page.bytes) return 'dictionary page';
  for (let index = 0; index < header.columns; index++) {
    const column = readDescriptor(bytes, index);
    if (at >= column.at && at < column.at + column.bytes) return `column ${index}`;
  }
  return 'padding';
}

/**
 * Rows that use the word which only page `damaged` brought, before the whole page at 64 repeats it.
 * A whole page that is damaged loses no more: what it repeats is known already.
 */
function expectedLost(damaged: number, batches: number): number[] {
  const end = damaged < 64 ? 64 : batches;
  const offsets: number[] = [];
  for (let k = damaged; k < end; k++) {
    if (k === damaged) offsets.push(k * 3);
    if (k >> 1 === damaged) offsets.push(k * 3 + 1);
  }
  return offsets;
}
