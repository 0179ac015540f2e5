/**
 * Operators of the dataflow by themselves: interval join, OVER with a RANGE of a minute, deduplication.
 *
 * The baselines are what one would write first with a `Map` of arrays: rows in order, no state that can be
 * saved or that is bounded by a budget, nothing taken back. Rows are made outside of what is measured.
 */
import { buildOperators } from '../src/mill/dataflow/build.js';
import type { DataflowContext, Row } from '../src/mill/dataflow/operator.js';
import type { Expression, SqlType } from '../src/sql/plan.js';
import type { Field, Relation } from '../src/sql/relation/relation.js';
import { row, type BenchRow, type Measured } from './harness.js';

const ROWS = 1_000_000;
const BATCH_ROWS = 8192;
/** Rows a ms of event time, and the start of it. */
const RATE = 10;
const START_MS = 1.7e12;
const MINUTE_MS = 60_000;
const FIELDS: readonly Field[] = (['text', 'timestamptz', 'integer'] as const).map((type, i) => ({
  name: `f${i}`,
  type,
  nullable: true,
}));

function column(index: number, fields = FIELDS): Expression {
  const { name, type, nullable } = fields[index]!;
  return { kind: 'column', index, name, type, nullable };
}

const SCAN: Relation = {
  kind: 'scan',
  fields: FIELDS,
  source: 's',
  columns: [...FIELDS.keys()],
  key: null,
  time: 1,
  late: true,
};

/** A text as a decoder makes it: flat, and no constant. */
function textOf(number: number): string {
  return Buffer.from(`user-${number + 1e9}`).toString('latin1');
}

/** Numbers from a seed. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return Math.floor((state / 2 ** 31) * below);
  };
}

/** What makes the rows of one side. */
type MakeRow = (i: number) => Row;

/** Feeds rows in batches and measures what `take` costs. */
function timed(sides: readonly MakeRow[], take: (side: number, rows: readonly Row[], now: number) => void): Measured {
  let wallSeconds = 0;
  let cpuSeconds = 0;
  for (let from = 0; from < ROWS; from += BATCH_ROWS) {
    const batches = sides.map((make) => Array.from({ length: BATCH_ROWS }, (_, i) => make(from + i)));
    const start = performance.now();
    const cpu = process.cpuUsage();
    for (const [side, rows] of batches.entries()) take(side, rows, START_MS + from / RATE);
    const used = process.cpuUsage(cpu);
    cpuSeconds += (used.user + used.system) / 1e6;
    wallSeconds += (performance.now() - start) / 1000;
  }
  return { records: Math.ceil(ROWS / BATCH_ROWS) * BATCH_ROWS * sides.length, cpuSeconds, wallSeconds };
}

/** Runs a relation over rows of its sources. */
function operators(relation: Relation, sides: readonly MakeRow[]): Measured & { readonly out: number } {
  let out = 0;
  const context: DataflowContext = {
    view: 'bench',
    lagMs: 1000,
    endLagMs: 1000,
    allowedLatenessMs: 0,
    isBatch: false,
    isFinalOnly: false,
    sourceFields: new Map([['s', FIELDS]]),
    late: ({ reason }) => {
      throw new Error(`a row went to the late stream: ${reason}`);
    },
    budget: { bytesMax: 1e12, bytes: 0, hasRoom: () => true },
  };
  const tree = buildOperators(relation, context, ({ rows }) => void (out += rows.length));
  const nodes = tree.nodes.map(({ operator }) => operator);
  const measured = timed(sides, (side, rows, now) => {
    tree.sources[side]!.node.take(0, { rows, weights: null, stamps: now });
    if (side < sides.length - 1) return;
    for (const operator of nodes) {
      operator.flush();
      for (const table of operator.tables) table.count();
      operator.advance(now);
    }
  });
  return { ...measured, out };
}

function join(type: 'inner' | 'left'): Relation {
  return {
    kind: 'join',
    fields: [...FIELDS, ...FIELDS],
    left: SCAN,
    right: SCAN,
    type,
    equal: [{ left: column(0), right: column(0), nullSafe: false }],
    condition: null,
    bound: { leftTime: 1, rightTime: 1, lowMs: 0, highMs: 10_000 },
    windowEnd: null,
    mode: { kind: 'both' },
  };
}

/** A Map from the key to the left rows of the last ten seconds. */
function plainJoin(sides: readonly MakeRow[]): Measured {
  const lefts = new Map<string, Row[]>();
  const order: Row[] = [];
  let oldest = 0;
  return timed(sides, (side, rows, now) => {
    const out: Row[] = [];
    for (const made of rows) {
      const there = lefts.get(made[0] as string);
      if (side === 1) {
        for (const left of there ?? [])
          if ((left[1] as number) <= (made[1] as number) && (left[1] as number) >= (made[1] as number) - 10_000)
            out.push(left.concat(made));
        continue;
      }
      order.push(made);
      if (there === undefined) lefts.set(made[0] as string, [made]);
      else there.push(made);
    }
    for (; oldest < order.length && (order[oldest]![1] as number) < now - 11_000; oldest++) {
      const key = order[oldest]![0] as string;
      const there = lefts.get(key)!;
      if (there.length === 1) lefts.delete(key);
      else there.shift();
    }
  });
}

function over(functions: readonly (readonly [name: string, args: readonly Expression[], type: SqlType])[]): Relation {
  const frame = {
    mode: 'range',
    start: { kind: 'preceding', offset: MINUTE_MS },
    end: { kind: 'currentRow' },
    exclude: 'none',
  } as const;
  return {
    kind: 'over',
    fields: [...FIELDS, ...functions.map(([name, , type]) => ({ name, type, nullable: true }))],
    input: SCAN,
    partition: [column(0)],
    order: [{ expression: column(1), descending: false, nullsFirst: false }],
    functions: functions.map(([name, args, type]) => ({
      name,
      args,
      type,
      distinct: false,
      filter: null,
      ignoreNulls: false,
      frame,
    })),
  };
}

/** A Map from the key to the rows of the last minute, with a running count and sum. */
function plainOver(make: MakeRow): Measured {
  const partitions = new Map<string, { rows: Row[]; first: number; count: number; sum: number }>();
  return timed([make], (_, rows) => {
    const out: Row[] = [];
    for (const made of rows) {
      let partition = partitions.get(made[0] as string);
      if (partition === undefined) {
        partition = { rows: [], first: 0, count: 0, sum: 0 };
        partitions.set(made[0] as string, partition);
      }
      partition.rows.push(made);
      partition.count++;
      partition.sum += made[2] as number;
      for (; (partition.rows[partition.first]![1] as number) < (made[1] as number) - MINUTE_MS; partition.first++) {
        partition.count--;
        partition.sum -= partition.rows[partition.first]![2] as number;
      }
      if (partition.first > 64) {
        partition.rows = partition.rows.slice(partition.first);
        partition.first = 0;
      }
      out.push(made.concat([partition.count, partition.sum]));
    }
  });
}

function plainFirst(make: MakeRow): Measured {
  const seen = new Set<string>();
  return timed([make], (_, rows) => {
    const out: Row[] = [];
    for (const made of rows) {
      if (seen.has(made[0] as string)) continue;
      seen.add(made[0] as string);
      out.push(made);
    }
  });
}

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const names = Array.from({ length: 100_000 }, (_, i) => textOf(i));
  const timeOf = (i: number): number => START_MS + Math.floor(i / RATE);
  const below = dice(7);
  const impressions: MakeRow = (i) => [textOf(i), timeOf(i), i % 100];
  const clicks: MakeRow = (i) => [textOf(below(2) === 0 ? Math.max(0, i - below(50_000)) : -i), timeOf(i), i % 100];
  const users: MakeRow = (i) => [names[below(names.length)]!, timeOf(i), i % 100];
  const tenThousand: MakeRow = (i) => [names[below(10_000)]!, timeOf(i), i % 100];
  const twice: MakeRow = (i) => [textOf(Math.max(0, i - below(4) * below(50_000))), timeOf(i), i % 100];
  const count = ['count', [], 'bigint'] as const;
  const sum = ['sum', [column(2)], 'bigint'] as const;
  const first: Relation = {
    kind: 'top',
    fields: FIELDS,
    input: SCAN,
    partition: [column(0)],
    order: [{ expression: column(1), descending: false, nullsFirst: false }],
    ranking: 'row_number',
    offset: 0,
    limit: 1,
    windowEnd: null,
    numbered: false,
  };
  const line = (name: string, ran: Measured & { out: number }, baseline: string, plain: Measured, target?: string) =>
    row(name, ran, baseline, plain, { extra: { rowsOut: ran.out }, ...(target === undefined ? {} : { target }) });
  const sides = [impressions, clicks];
  return [
    line(
      'interval join, each id once',
      operators(join('inner'), sides),
      'Map of arrays',
      plainJoin(sides),
      '1 M/s a side',
    ),
    line('left interval join, each id once', operators(join('left'), sides), 'Map of arrays', plainJoin(sides)),
    line(
      'interval join, 100 k users',
      operators(join('inner'), [users, users]),
      'Map of arrays',
      plainJoin([users, users]),
    ),
    line(
      'OVER a minute, count',
      operators(over([count]), [tenThousand]),
      'Map of arrays',
      plainOver(tenThousand),
      '2 M/s',
    ),
    line(
      'OVER a minute, count and sum',
      operators(over([count, sum]), [tenThousand]),
      'Map of arrays',
      plainOver(tenThousand),
      '2 M/s',
    ),
    line('first row of each id', operators(first, [twice]), 'Set', plainFirst(twice)),
  ];
}
