import { describe, expect, test } from 'vitest';
import { Emitter } from '../../../src/mill/dataflow/emitter.js';
import { publishedRows } from '../../../src/mill/dataflow/publication.js';
import type { Row, StateBudget } from '../../../src/mill/dataflow/operator.js';
import { captureOf, type SavedEntry } from '../../../src/mill/dataflow/state-table.js';
import type { EmitMode, RelationView } from '../../../src/sql/relation/relation.js';
import { SeededRandom } from '../../sim/random.js';
import { BlockDeltas } from '../../../src/mill/dataflow/block.js';
import { textBlock } from './blocks.js';
import { fields } from './rows.js';

const budget: StateBudget = { bytesMax: 1e9, bytes: 0, hasRoom: () => true };

/** Rows (name, count, window end). */
function emitter(kind: EmitMode['kind'], more: Partial<RelationView> = {}): Emitter {
  const view: RelationView = {
    name: 'v',
    text: '',
    relation: { kind: 'values', fields: fields('text', 'integer', 'timestamptz'), rows: [] },
    width: 3,
    notices: [],
    key: [0, 2],
    closes: 2,
    tenant: null,
    lagMs: 5,
    allowedLatenessMs: 10,
    emit: kind === 'every' ? { kind, ms: 1000 } : { kind },
    ...more,
  };
  return new Emitter(view, budget);
}

function change(of: Emitter, ...changes: [weight: number, ...row: Row][]): void {
  const rows = changes.map(([, ...row]) => row);
  of.take({ rows, weights: changes.map(([weight]) => weight), stamps: 0 });
}

function publish(of: Emitter, now: number): string[] {
  return publishedRows(of.publish(now))
    .map(({ copy, operation, row, state }) => `${operation} ${row.join(' ')}${copy > 1 ? ` #${copy}` : ''} ${state}`)
    .sort();
}

describe('an emitter', () => {
  test('publishes the net of what changed, and nothing that ends as it was', () => {
    const of = emitter('every');
    change(of, [1, 'a', 1, 100], [1, 'b', 1, 100]);
    change(of, [-1, 'a', 1, 100], [1, 'a', 2, 100]);
    change(of, [-1, 'b', 1, 100]);
    expect(publish(of, 10)).toEqual(['upsert a 2 100 open']);
    change(of, [1, 'a', 3, 100], [-1, 'a', 2, 100]);
    change(of, [-1, 'a', 3, 100], [1, 'a', 2, 100]);
    expect(publish(of, 20)).toEqual([]);
    change(of, [-1, 'a', 2, 100]);
    expect(publish(of, 30)).toEqual(['delete a 2 100 open']);
  });

  test('publishes an open row once more as final, and later changes as corrected', () => {
    const of = emitter('change');
    change(of, [1, 'a', 1, 100], [1, 'b', 1, 100]);
    expect(publish(of, 50)).toEqual(['upsert a 1 100 open', 'upsert b 1 100 open']);
    expect(publish(of, 105), 'a row of this very moment is in time').toEqual([]);
    change(of, [-1, 'b', 1, 100], [1, 'b', 2, 100]);
    expect(publish(of, 106)).toEqual(['upsert a 1 100 final', 'upsert b 2 100 final']);
    change(of, [-1, 'a', 1, 100], [1, 'a', 5, 100], [-1, 'b', 2, 100]);
    expect(publish(of, 110)).toEqual(['delete b 2 100 corrected', 'upsert a 5 100 corrected']);
    expect(publish(of, 1000)).toEqual([]);
    expect(of.tables.find(({ name }) => name === 'published')!.size).toBe(0);
  });

  test('holds open rows back where closed ones are wanted', () => {
    const of = emitter('close');
    change(of, [1, 'a', 1, 100], [1, 'b', 1, 200]);
    expect(publish(of, 50)).toEqual([]);
    change(of, [-1, 'a', 1, 100], [1, 'a', 2, 100]);
    expect(publish(of, 60)).toEqual([]);
    expect(publish(of, 150)).toEqual(['upsert a 2 100 final']);
    change(of, [-1, 'b', 1, 200]);
    expect(publish(of, 160)).toEqual([]);
    expect(publish(of, Infinity)).toEqual([]);
  });

  test('takes a final row back whose window opens again', () => {
    const of = emitter('close', { key: [0] });
    change(of, [1, 'a', 1, 100]);
    expect(publish(of, 106)).toEqual(['upsert a 1 100 final']);
    change(of, [-1, 'a', 1, 100], [1, 'a', 2, 120]);
    expect(publish(of, 107)).toEqual(['delete a 1 100 corrected']);
    expect(publish(of, 126)).toEqual(['upsert a 2 120 final']);
  });

  test('numbers the copies of a row without a key', () => {
    const of = emitter('change', { key: null, closes: null });
    change(of, [1, 'a', 1, 0], [1, 'a', 1, 0], [1, 'b', 1, 0]);
    expect(publish(of, 1)).toEqual(['upsert a 1 0 #2 open', 'upsert a 1 0 open', 'upsert b 1 0 open']);
    change(of, [1, 'a', 1, 0], [-1, 'b', 1, 0]);
    expect(publish(of, 2)).toEqual(['delete b 1 0 open', 'upsert a 1 0 #3 open']);
    change(of, [-1, 'a', 1, 0], [-1, 'a', 1, 0]);
    expect(publish(of, 3)).toEqual(['delete a 1 0 #2 open', 'delete a 1 0 #3 open']);
    expect(of.tables.find(({ name }) => name === 'published')!.size).toBe(1);
  });

  test('forgets the copies of a row once no correction can come', () => {
    const of = emitter('change', { key: null });
    change(of, [1, 'a', 1, 100], [1, 'a', 1, 100]);
    expect(publish(of, 106)).toEqual(['upsert a 1 100 #2 final', 'upsert a 1 100 final']);
    const kept = of.tables.find(({ name }) => name === 'published')!;
    change(of, [1, 'a', 1, 100]);
    expect(publish(of, 115)).toEqual(['upsert a 1 100 #3 corrected']);
    expect(kept.size).toBe(1);
    publish(of, 116);
    expect(kept.size).toBe(0);
  });

  test('remembers nothing of keyed rows that never close', () => {
    const of = emitter('change', { closes: null });
    change(of, [1, 'a', 1, 100]);
    publish(of, 1);
    expect(of.tables.map(({ size }) => size)).toEqual([0, 0, 1]);
  });

  test('goes on from a snapshot, with what was not published yet', () => {
    let of = emitter('every');
    const saved = new Map<string, SavedEntry[]>();
    const restart = (): void => {
      for (const table of of.tables) saved.set(table.name, [...(saved.get(table.name) ?? []), ...captureOf(table)]);
      of = emitter('every');
      for (const table of of.tables) for (const { bytes, key } of saved.get(table.name)!) table.load(key, bytes);
      of.restored();
    };
    change(of, [1, 'a', 1, 100], [1, 'b', 7, 300]);
    restart();
    expect(publish(of, 10)).toEqual(['upsert a 1 100 open', 'upsert b 7 300 open']);
    change(of, [-1, 'a', 1, 100], [1, 'a', 2, 100]);
    restart();
    restart();
    expect(publish(of, 20)).toEqual(['upsert a 2 100 open']);
    restart();
    expect(publish(of, 106)).toEqual(['upsert a 2 100 final']);
    restart();
    expect(publish(of, 1000)).toEqual(['upsert b 7 300 final']);
  });
});

describe('an emitter that gets blocks', () => {
  const TYPES = ['text', 'integer', 'timestamptz'] as const;

  function add(of: Emitter, rows: readonly Row[], distinct: readonly number[] | null): void {
    of.take(new BlockDeltas(textBlock(rows, TYPES, distinct), 0));
  }

  for (const [kind, key] of [
    ['change', [0, 2]],
    ['change', null],
    ['close', [0, 2]],
    ['close', null],
  ] as const) {
    test(`publishes the same as from rows: ${kind}, ${key === null ? 'no key' : 'by key'}`, () => {
      const random = new SeededRandom(7);
      for (let life = 0; life < 200; life++) {
        const [byRows, byBlocks] = [emitter(kind, { key }), emitter(kind, { key })];
        const there = new Map<string, Row>();
        let now = 0;
        for (let round = 0; round < 12; round++) {
          const fresh: Row[] = [];
          for (let i = random.below(6); i > 0; i--) {
            const row: Row = [`n${random.below(5)}`, random.below(3), now + random.below(30)];
            if (there.has(`${row[0]} ${row[2]}`)) continue;
            there.set(`${row[0]} ${row[2]}`, row);
            fresh.push(row);
          }
          if (fresh.length > 0) {
            byRows.take({ rows: fresh, weights: null, stamps: 0 });
            add(byBlocks, fresh, random.chance(0.7) ? [0, 2] : null);
          }
          // Rows that can still be corrected change.
          for (const [name, row] of there) {
            if ((row[2] as number) + 15 < now || !random.chance(0.2)) continue;
            const next: Row = [row[0]!, (row[1] as number) + 1, row[2]!];
            for (const of of [byRows, byBlocks]) change(of, [-1, ...row], [1, ...next]);
            there.set(name, next);
          }
          now += random.below(20);
          if (random.chance(0.2)) captureOf(byBlocks.tables[0]!);
          expect(publish(byBlocks, now), `life ${life}, at ${now}`).toEqual(publish(byRows, now));
        }
        expect(publish(byBlocks, Infinity)).toEqual(publish(byRows, Infinity));
      }
    });
  }

  test('tells copies apart where the block does not', () => {
    const of = emitter('change', { key: null });
    add(of, [['a', 1, 0]], null);
    add(of, [['a', 1, 0]], null);
    expect(publish(of, 100)).toEqual(['upsert a 1 0 #2 final', 'upsert a 1 0 final']);
  });
});
