import { describe, expect, test } from 'vitest';
import { batchView, Dataflow } from '../../../src/mill/dataflow/dataflow.js';
import { publishedRows } from '../../../src/mill/dataflow/publication.js';
import type { LateRow, Row } from '../../../src/mill/dataflow/operator.js';
import type { Expression } from '../../../src/sql/plan.js';
import type { Aggregate, Relation, RelationView, Scan, WindowSpec } from '../../../src/sql/relation/relation.js';
import { call, column, literal } from './rows.js';

const ALL = [
  { name: 'v', type: 'integer', nullable: true },
  { name: 'ts', type: 'timestamptz', nullable: true },
  { name: 'note', type: 'text', nullable: true },
] as const;
const scan: Scan = {
  kind: 'scan',
  source: 's',
  fields: ALL.slice(0, 2),
  columns: [0, 1],
  key: null,
  time: 1,
  late: true,
};
const v = column(0, 'integer');

/** count(*) and sum(x) by v and window. */
function counted(window: WindowSpec, keys: readonly Expression[] = [v], sum: Expression = v): Aggregate {
  const input: Relation = {
    kind: 'window',
    fields: [
      ...scan.fields,
      ...['window_start', 'window_end'].map((name) => ({ name, type: 'timestamptz', nullable: false }) as const),
    ],
    input: { ...scan, late: false },
    time: 1,
    window,
    late: true,
  };
  const all = [...keys, column(2, 'timestamptz'), column(3, 'timestamptz')];
  const spec = { distinct: false, filter: null, order: [] };
  return {
    kind: 'aggregate',
    fields: [...all.map(({ type }) => type), 'bigint' as const, 'bigint' as const].map((type) => ({
      name: type,
      type,
      nullable: true,
    })),
    input,
    keys: all,
    sets: null,
    aggregates: [
      { ...spec, name: 'count', args: [], type: 'bigint' },
      { ...spec, name: 'sum', args: [sum], type: 'bigint' },
    ],
    always: false,
    windowEnd: all.length - 1,
  };
}

function dataflow(relation: Relation, more: Partial<RelationView> = {}, stateBytesMax = 1e9): Dataflow {
  const view = { ...batchView('view', relation), lagMs: 5, key: null, ...more };
  return new Dataflow({ view, isBatch: false, stateBytesMax, sourceFields: new Map([['s', ALL]]) });
}

function said(rows: readonly LateRow[]): unknown[] {
  return rows.map(({ lateByMs, reason, row, source, windowStart }) => [source, row, reason, windowStart, lateByMs]);
}

function shown(flow: Dataflow, now = 0): string[] {
  flow.flush();
  return publishedRows(flow.changes.publish(now))
    .map(({ operation, row }) => `${operation === 'delete' ? '-' : ''}${row.join(' ')}`)
    .sort();
}

describe('late rows', () => {
  test('of a scan are reported with all their columns', () => {
    const flow = dataflow(scan, { allowedLatenessMs: 2 });
    const rows: Row[] = [
      [1, 100, 'x'],
      [2, 100, 'y'],
      [3, null, 'z'],
    ];
    flow.push('s', rows, [107, 108, 100]);
    expect(shown(flow)).toEqual(['1 100']);
    expect(said(flow.late())).toEqual([
      ['s', [2, 100, 'y'], 'late', Number.NaN, 1],
      ['s', [3, null, 'z'], 'event_time_null', Number.NaN, Number.NaN],
    ]);
    expect(flow.late()).toEqual([]);
  });

  test('of overlapping windows count for those that are still open', () => {
    const flow = dataflow(counted({ kind: 'hop', slideMs: 10, sizeMs: 30, offsetMs: 0 }));
    flow.push('s', [[1, 25, '']], 37);
    expect(shown(flow)).toEqual(['1 10 40 1 1', '1 20 50 1 1']);
    expect(said(flow.late())).toEqual([['s', [1, 25], 'late', 0, 2]]);
    flow.push(
      's',
      [
        [1, 25, ''],
        [1, 26, ''],
      ],
      [55, 56],
    );
    expect(shown(flow)).toEqual(['-1 20 50 1 1', '1 20 50 2 2']);
    expect(said(flow.late())).toEqual([
      ['s', [1, 25], 'late', 0, 20],
      ['s', [1, 26], 'late', 0, 21],
    ]);
  });

  test('of sessions go by their own time', () => {
    const flow = dataflow(counted({ kind: 'session', gapMs: 10, keys: [v] }));
    flow.push(
      's',
      [
        [1, 0, ''],
        [1, 9, ''],
        [1, 19, ''],
        [1, 30, ''],
        [1, 22, ''],
      ],
      [0, 9, 19, 30, 28],
    );
    expect(shown(flow)).toEqual(['1 0 19 2 2', '1 19 29 1 1', '1 30 40 1 1']);
    expect(said(flow.late())).toEqual([['s', [1, 22], 'late', Number.NaN, 1]]);
    flow.push('s', [[1, 24, '']], 29);
    expect(shown(flow)).toEqual(['-1 19 29 1 1', '-1 30 40 1 1', '1 19 40 3 3']);
  });

  test.each([
    { kind: 'hop', slideMs: 10, sizeMs: 20, offsetMs: 0 } as const,
    { kind: 'session', gapMs: 5, keys: [v] } as const,
  ])('that can not be evaluated take no part in $kind, and are reported once', (window) => {
    const divided = call('/', 'integer', literal(6, 'integer'), v);
    const flow = dataflow(counted(window, [v], divided));
    flow.push(
      's',
      [
        [0, 15, ''],
        [2, 15, ''],
      ],
      15,
    );
    expect(shown(flow).every((row) => row.startsWith('2 '))).toBe(true);
    expect(said(flow.late())).toEqual([['s', [0, 15], 'error: division by zero', Number.NaN, Number.NaN]]);
  });

  test('say that the state is full, while rows of known groups go on', () => {
    for (const window of [
      { kind: 'tumble', sizeMs: 100, offsetMs: 0 },
      { kind: 'session', gapMs: 50, keys: [v] },
    ] as const) {
      const flow = dataflow(counted(window), {}, 600);
      for (let i = 0; i < 20; i++) flow.push('s', [[i, 10, '']], 10);
      flow.push('s', [[0, 11, '']], 10);
      const late = flow.late();
      expect(late.length).toBeGreaterThan(5);
      expect(new Set(late.map(({ reason }) => reason))).toEqual(new Set(['state_full']));
      const rows = shown(flow);
      expect(rows.length + late.length).toBe(20);
      expect(rows[0]!.split(' ').at(-2)).toBe('2');
    }
  });

  test('of a table that can not be evaluated are left out until they are replaced, and reported once', () => {
    const table: Scan = { ...scan, key: [1], late: false, time: null };
    const fields = [{ name: 'sum', type: 'bigint', nullable: true }] as const;
    const big = call('*', 'bigint', call('cast', 'bigint', v), literal(4_611_686_018_427_387_904n, 'bigint'));
    const sum = {
      name: 'sum',
      args: [call('cast', 'numeric', big)],
      type: 'numeric' as const,
      distinct: false,
      filter: null,
      order: [],
    };
    const relation: Aggregate = {
      kind: 'aggregate',
      fields,
      input: table,
      keys: [],
      sets: null,
      aggregates: [sum],
      always: true,
      windowEnd: null,
    };
    const flow = dataflow(relation);
    flow.push(
      's',
      [
        [1, 1, ''],
        [3, 2, ''],
      ],
      0,
    );
    expect(shown(flow)).toEqual(['4611686018427387904']);
    expect(said(flow.late()).map((row) => (row as unknown[])[2])).toEqual(['error: bigint out of range']);
    // The row that can't be evaluated is taken back without another report.
    flow.push('s', [[1, 2, '']], 0);
    expect(shown(flow)).toEqual(['-4611686018427387904', '9223372036854775808']);
    expect(flow.late()).toEqual([]);
  });
});

test('a batch gives all rows at its end, however late, and nothing of it expires', () => {
  const relation = counted({ kind: 'hop', slideMs: 10, sizeMs: 20, offsetMs: 0 }, []);
  const flow = new Dataflow({
    view: batchView('b', relation),
    isBatch: true,
    stateBytesMax: 1e9,
    sourceFields: new Map(),
  });
  flow.push('s', [[1, 5, '']], 1_000_000);
  flow.advance(2_000_000);
  flow.push(
    's',
    [
      [2, -5, ''],
      [3, 7, ''],
    ],
    0,
  );
  flow.flush();
  expect(
    flow
      .result()
      .map((row) => row.join(' '))
      .sort(),
  ).toEqual(['-10 10 3 6', '-20 0 1 2', '0 20 2 4']);
  expect(flow.late()).toEqual([]);
  expect(flow.sources).toEqual(['s']);
  expect(flow.stats().map(({ name, rows }) => [name, rows])).toEqual([
    ['scan', 3],
    ['aggregate', 3],
  ]);
});

test('a capture is refused in the midst of a round, and a load of another query', () => {
  const flow = dataflow(counted({ kind: 'tumble', sizeMs: 10, offsetMs: 0 }));
  flow.push('s', [[1, 5, '']], 0);
  expect(() => flow.capture()).toThrow('between rounds');
  flow.flush();
  const capture = flow.capture();
  expect(() => dataflow(scan).load([capture])).toThrow('has not');
});
