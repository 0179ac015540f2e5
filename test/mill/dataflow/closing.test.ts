/** What a clock that leaps over the end of a window leaves time for. */
import { expect, test } from 'vitest';
import { publishedRows } from '../../../src/mill/dataflow/publication.js';
import { Dataflow } from '../../../src/mill/dataflow/dataflow.js';
import { parseViews } from '../../../src/sql/parse.js';
import type { Field } from '../../../src/sql/relation/relation.js';
import { planRelationView } from '../../../src/sql/relation/view.js';

const FIELDS: readonly Field[] = [
  { name: 'id', type: 'integer', nullable: false },
  { name: 'price', type: 'integer', nullable: false },
  { name: 'ts', type: 'timestamptz', nullable: false },
];

test('rows of a window meet its aggregate, which closes at the moment in which they are dropped', async () => {
  const [statement] = await parseViews(
    `CREATE MATERIALIZED VIEW highest WITH (emit = 'close', watermark_lag = '0', allowed_lateness = '0') AS
     SELECT b.id, m.price FROM TUMBLE(bid, ts, INTERVAL '10 ms') b
     JOIN (SELECT max(price) AS price, window_end FROM TUMBLE(bid, ts, INTERVAL '10 ms') GROUP BY window_end) m
     ON b.window_end = m.window_end AND b.price = m.price`,
    'test.sql',
  );
  const bid = { kind: 'stream' as const, name: 'bid', fields: FIELDS, key: null, time: 2, tenant: null };
  const view = planRelationView(statement!, new Map([['bid', bid]]));
  const dataflow = new Dataflow({
    view,
    isBatch: false,
    stateBytesMax: 2 ** 20,
    sourceFields: new Map([['bid', FIELDS]]),
  });
  const rows = [
    [1, 5, 3],
    [2, 9, 4],
    [3, 2, 12],
  ];
  dataflow.push('bid', rows, [3, 4, 12]);
  dataflow.flush();
  dataflow.advance(1_000);
  dataflow.flush();
  const published = publishedRows(dataflow.changes.publish(1_000)).map(({ row, state }) => [...row.slice(0, 2), state]);
  expect(published).toEqual([
    [2, 9, 'final'],
    [3, 2, 'final'],
  ]);
});
