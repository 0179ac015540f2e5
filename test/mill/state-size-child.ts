/** Fills views of many kinds, and prints for each what it counts as its state and what the heap grew by, as JSON. */
import { Dataflow } from '../../src/mill/dataflow/dataflow.js';
import { Decimal } from '../../src/sql/decimal.js';
import { parseViews } from '../../src/sql/parse.js';
import type { Field } from '../../src/sql/relation/relation.js';
import { planRelationView } from '../../src/sql/relation/view.js';

/** Bytes of one view's state. */
export interface StateSize {
  readonly name: string;
  readonly counted: number;
  readonly real: number;
}

const FIELDS: readonly Field[] = [
  { name: 'account', type: 'bigint', nullable: false },
  { name: 'name', type: 'text', nullable: false },
  { name: 'cost', type: 'numeric', nullable: true },
  { name: 'at', type: 'timestamptz', nullable: false },
  { name: 'n', type: 'double precision', nullable: true },
];
const STREAMS = ['clicks', 'views'];
const START = Date.UTC(2026, 0, 1);
const ROUND = 10_000;
const ROWS = 60_000;

const VIEWS: Readonly<Record<string, string>> = {
  'groups, as arrays': 'AS SELECT account, count(*) AS c, sum(cost) AS s FROM clicks GROUP BY account',
  'groups by text, as arrays': 'AS SELECT name, count(*) AS c FROM clicks GROUP BY name',
  'groups, as objects':
    "WITH (state_policy = 'shed') AS SELECT account, count(*) AS c, sum(cost) AS s FROM clicks GROUP BY account",
  'groups by two keys':
    "WITH (state_policy = 'shed') AS SELECT account, name, avg(cost) AS a, max(name) AS m FROM clicks GROUP BY account, name",
  'groups of a window': `WITH (state_policy = 'shed') AS
    SELECT name, window_end, sum(n) AS s FROM TUMBLE(clicks, at, INTERVAL '1 day') GROUP BY name, window_end`,
  'count of different values':
    'AS SELECT account % 500 AS k, count(DISTINCT name) AS c FROM clicks GROUP BY account % 500',
  'values in order':
    'AS SELECT account % 500 AS k, array_agg(name ORDER BY at) AS a FROM clicks GROUP BY account % 500',
  sketches: `WITH (state_policy = 'shed') AS
    SELECT account, approx_count_distinct(name) AS c, approx_percentile(n, 0.5) AS p FROM clicks GROUP BY account`,
  'first rows': 'AS SELECT DISTINCT ON (account) account, name, cost FROM clicks ORDER BY account, at',
  ranks: `AS SELECT name, n FROM (SELECT name, n, row_number() OVER (PARTITION BY account % 10000 ORDER BY n) AS r FROM clicks) x
    WHERE r <= 5`,
  frames: `AS SELECT account, at, sum(cost) OVER (PARTITION BY account % 20000 ORDER BY at
    RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW) AS s FROM clicks`,
  'rows before': 'AS SELECT account, at, lag(name) OVER (PARTITION BY account % 1000 ORDER BY at) AS l FROM clicks',
  'sessions, as arrays': `AS SELECT name, window_start, window_end, count(*) AS c
    FROM SESSION(clicks, at, INTERVAL '1 day', name) GROUP BY name, window_start, window_end`,
  'sessions, as objects': `AS SELECT name, window_start, window_end, max(name) AS m
    FROM SESSION(clicks, at, INTERVAL '1 day', name) GROUP BY name, window_start, window_end`,
  'join by time': `AS SELECT v.account, v.name, c.cost FROM views v
    JOIN clicks c ON c.account = v.account AND c.at BETWEEN v.at AND v.at + INTERVAL '1 day'`,
  'outer join by time': `AS SELECT v.account, v.name, c.cost FROM views v
    LEFT JOIN clicks c ON c.name = v.name AND c.at BETWEEN v.at AND v.at + INTERVAL '1 day'`,
  'join of groups': `AS SELECT a.account, a.c, b.d FROM (SELECT account, count(*) AS c FROM clicks GROUP BY account) a
    JOIN (SELECT account, count(*) AS d FROM views GROUP BY account) b ON a.account = b.account`,
  'newest row before': `AS SELECT v.account, v.name, c.cost FROM views v
    ASOF JOIN clicks c ON c.account = v.account AND c.at <= v.at`,
  union: 'AS SELECT name FROM clicks UNION SELECT name FROM views',
  intersection: 'AS SELECT name FROM clicks INTERSECT SELECT name FROM views',
};

async function dataflowOf(sql: string): Promise<Dataflow> {
  const [statement] = await parseViews(`CREATE MATERIALIZED VIEW v ${sql}`, 'test.sql');
  const relations = STREAMS.map((name) => {
    return [name, { kind: 'stream' as const, name, fields: FIELDS, key: null, time: 3, tenant: null }] as const;
  });
  return new Dataflow({
    view: planRelationView(statement!, new Map(relations)),
    isBatch: false,
    stateBytesMax: 2 ** 40,
    sourceFields: new Map(STREAMS.map((name) => [name, FIELDS])),
  });
}

function fill(dataflow: Dataflow, rows: number): void {
  for (let from = 0; from < rows; from += ROUND) {
    for (const [shift, stream] of STREAMS.entries()) {
      const batch = Array.from({ length: ROUND }, (_, i) => {
        const n = from + i;
        return [n, `user-${n + shift}-${n * 7919}`, new Decimal(BigInt(n % 1000) * 10_000n, 6), START + n, n / 3];
      });
      dataflow.push(stream, batch, START + from);
    }
    dataflow.advance(START + from);
    dataflow.flush();
    dataflow.late();
    dataflow.changes.publish(START + from);
  }
}

async function used(): Promise<number> {
  // What is freed by tasks of its own is freed between two collections.
  globalThis.gc!();
  await new Promise((resolve) => setImmediate(resolve));
  globalThis.gc!();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function measure(name: string, sql: string): Promise<StateSize> {
  // Code, and what is made once.
  fill(await dataflowOf(sql), ROUND);
  const before = await used();
  const dataflow = await dataflowOf(sql);
  fill(dataflow, ROWS);
  const real = (await used()) - before;
  return { name, counted: dataflow.bytes, real };
}

const sizes: StateSize[] = [];
for (const [name, sql] of Object.entries(VIEWS)) sizes.push(await measure(name, sql));
console.log(JSON.stringify(sizes));
