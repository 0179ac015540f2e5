import { describe, expect, test } from 'vitest';
import { Dataflow } from '../../../src/mill/dataflow/dataflow.js';
import type { DataflowCapture, FrozenCapture } from '../../../src/mill/dataflow/dataflow.js';
import { publishedRows, type Published } from '../../../src/mill/dataflow/publication.js';
import type { Row } from '../../../src/mill/dataflow/operator.js';
import { parseDecimal } from '../../../src/sql/decimal.js';
import type { EmitMode, RelationView } from '../../../src/sql/relation/relation.js';
import { SeededRandom } from '../../sim/random.js';
import { BlockDeltas } from '../../../src/mill/dataflow/block.js';
import { textBlock } from './blocks.js';
import { evaluate, textOf } from './model.js';
import type { Stamped } from './model.js';
import { plainRelation, STREAM, TABLE, windowedRelation } from './random-relations.js';
import type { RandomRelation } from './random-relations.js';
import { rounds } from '../../sim/rounds.js';

const sourceFields = new Map([
  ['s', STREAM],
  ['t', TABLE],
]);

/** Rows to come: each partition's stamps rise, partitions take turns as they like. */
const TYPES = sourceFields.get('s')!.map(({ type }) => type);

function arrivals(random: SeededRandom, graceMs: number): Stamped[][] {
  return [0, 1].map(() => {
    let stamp = random.below(10) - 30;
    return Array.from({ length: 10 + random.below(30) }, (_, i) => {
      stamp += random.below(4);
      const delay = random.chance(0.15) ? random.below(40) : random.below(graceMs + 2);
      const time = random.chance(0.03) ? null : stamp - delay;
      return { row: randomRow(random, i, time), stamp };
    });
  });
}

function randomRow(random: SeededRandom, id: number, time?: number | null): Row {
  const k = random.chance(0.1) ? null : ['a', 'b', 'c'][random.below(3)]!;
  const v = random.chance(0.1) ? null : random.below(10);
  const n = random.chance(0.1) ? null : parseDecimal(`${random.below(9)}.${random.below(10)}0`);
  return time === undefined ? [id, k, v, n] : [id, k, v, n, time];
}

/** What a consumer of the changes has. */
class Consumer {
  readonly rows = new Map<string, string>();
  readonly finals = new Set<string>();
  readonly corrected = new Set<string>();

  take(published: readonly Published[]): void {
    const touched = new Set<string>();
    for (const { copy, operation, row, state } of published) {
      const key = `${textOf(row)} ${copy}`;
      expect(touched.has(key), `${key} published twice at once`).toBe(false);
      touched.add(key);
      if (state === 'corrected') this.corrected.add(key);
      if (state === 'final') {
        expect(this.finals.has(key), `${key} final twice`).toBe(false);
        this.finals.add(key);
      }
      if (operation === 'delete') {
        expect(this.rows.delete(key), `${key} deleted but not there`).toBe(true);
      } else {
        expect(state === 'open' && this.rows.has(key), `${key} published again`).toBe(false);
        this.rows.set(key, textOf(row));
      }
    }
  }

  shown(): string[] {
    return [...this.rows.values()].sort();
  }
}

interface Life {
  readonly random: SeededRandom;
  readonly made: RandomRelation;
  readonly lagMs: number;
  readonly allowedLatenessMs: number;
  readonly emit: EmitMode;
}

function dataflowOf({ allowedLatenessMs, emit, lagMs, made }: Life): Dataflow {
  const view: RelationView = {
    name: 'view',
    text: '',
    relation: made.relation,
    width: made.relation.fields.length,
    notices: [],
    key: null,
    closes: made.windowEnd,
    tenant: null,
    lagMs,
    allowedLatenessMs,
    emit,
  };
  return new Dataflow({ view, isBatch: false, stateBytesMax: 1e9, sourceFields });
}

/** Runs a dataflow's life, and holds it against the model at each flush. */
function live(life: Life): void {
  const { allowedLatenessMs, lagMs, made, random } = life;
  const graceMs = lagMs + allowedLatenessMs;
  const isClose = life.emit.kind === 'close';
  const partitions = arrivals(random, graceMs);
  const stream: Stamped[] = [];
  const table = new Map<number, Row>();
  const captures: DataflowCapture[] = [];
  const consumer = new Consumer();
  let flow = dataflowOf(life);
  /** Does the same, but is captured bit by bit. */
  let slow = dataflowOf(life);
  let frozen: FrozenCapture | null = null;
  const both = (act: (of: Dataflow) => void): void => [flow, slow].forEach(act);

  const check = (): void => {
    both((of) => of.flush());
    slow.changes.publish(slow.now);
    consumer.take(publishedRows(flow.changes.publish(flow.now)));
    const sources = new Map([
      ['s', stream],
      ['t', [...table.values()].map((row) => ({ row, stamp: -Infinity }))],
    ]);
    const expected = evaluate(made.relation, sources, graceMs)
      .map(({ row }) => row)
      .filter((row) => !isClose || (row[made.windowEnd!] as number) + lagMs < flow.now);
    expect(consumer.shown()).toEqual(expected.map(textOf).sort());
  };

  while (partitions.some((rows) => rows.length > 0)) {
    const rows = partitions[random.below(2)]!.splice(0, 1 + random.below(4));
    stream.push(...rows);
    const values = rows.map(({ row }) => row);
    const stamps = rows.map(({ stamp }) => stamp);
    const deltas = { rows: values, stamps, weights: null };
    both((of) => of.pushDeltas('s', random.chance(0.5) ? deltas : new BlockDeltas(textBlock(values, TYPES), stamps)));
    if (random.chance(0.4)) changeTable(random, table, both);
    if (random.chance(0.4)) check();
    const next = Math.min(...partitions.flat().map(({ stamp }) => stamp));
    if (random.chance(0.5) && next < Infinity) both((of) => of.advance(next));
    frozen?.encode(random.below(3));
    if (random.chance(0.15)) {
      if (frozen !== null) expect(entriesOf(thawed(frozen))).toEqual(entriesOf(captures.at(-1)!));
      check();
      captures.push(flow.capture());
      frozen = slow.freeze();
      if (random.chance(0.7)) {
        expect(entriesOf(thawed(frozen))).toEqual(entriesOf(captures.at(-1)!));
        frozen = null;
        flow = dataflowOf(life);
        slow = dataflowOf(life);
        both((of) => of.load(captures));
      }
    }
  }
  check();
  if (frozen !== null) expect(entriesOf(thawed(frozen))).toEqual(entriesOf(captures.at(-1)!));
  both((of) => of.advance(1_000_000));
  check();
  if (allowedLatenessMs === 0) expect(consumer.corrected.size).toBe(0);
  if (made.windowEnd !== null)
    for (const key of consumer.rows.keys()) expect(consumer.finals.has(key) || consumer.corrected.has(key)).toBe(true);
  flow.advance(2_000_000);
  flow.flush();
  consumer.take(publishedRows(flow.changes.publish(flow.now)));
  // A window's state goes with it; a clock stays.
  if (made.windowEnd !== null)
    for (const { keys, name } of flow.stats()) if (name !== 'scan') expect(keys, name).toBeLessThanOrEqual(1);
}

function thawed(frozen: FrozenCapture): DataflowCapture {
  while (frozen.encode(1) > 0);
  return frozen.take();
}

/** Entries of a capture in an order of their own. */
function entriesOf({ now, tables }: DataflowCapture): unknown {
  const entries = tables.flatMap(({ entries: of, name }) =>
    of.map(({ bytes, key }) => `${name} ${key} ${bytes === null ? 'gone' : Buffer.from(bytes).toString('hex')}`),
  );
  return { now, entries: entries.toSorted() };
}

function changeTable(random: SeededRandom, table: Map<number, Row>, both: (act: (of: Dataflow) => void) => void): void {
  const id = random.below(8);
  if (random.chance(0.3)) {
    table.delete(id);
    both((of) => of.push('t', [[id, null, null, null]], 0, [-1]));
  } else {
    const row = randomRow(random, id);
    table.set(id, row);
    both((of) => of.push('t', [row], 0, [1]));
  }
}

const SEEDS = Array.from({ length: rounds(12, 30) }, (_, i) => i + 1);

describe('a dataflow gives what its relation is, whatever the order, the batches and the restarts', () => {
  test.each(SEEDS)('windows, seed %i', (seed) => {
    for (let i = 0; i < 8; i++) {
      const random = new SeededRandom(seed * 1000 + i);
      const made = windowedRelation(random);
      const emit: EmitMode = { kind: random.chance(0.5) ? 'close' : 'change' };
      live({
        random,
        made,
        emit,
        lagMs: random.below(6),
        allowedLatenessMs: random.chance(0.5) ? 0 : random.below(12),
      });
    }
  });

  test.each(SEEDS)('plain, seed %i', (seed) => {
    for (let i = 0; i < 8; i++) {
      const random = new SeededRandom(seed * 1000 + 500 + i);
      live({ random, made: plainRelation(random), emit: { kind: 'change' }, lagMs: 3, allowedLatenessMs: 2 });
    }
  });
});
