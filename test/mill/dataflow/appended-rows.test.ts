/** Views whose rows are only ever added. */
import { expect, test } from 'vitest';
import { Dataflow } from '../../../src/mill/dataflow/dataflow.js';
import { publishedRows } from '../../../src/mill/dataflow/publication.js';
import type { DataflowCapture } from '../../../src/mill/dataflow/dataflow.js';
import { parseViews } from '../../../src/sql/parse.js';
import type { Field } from '../../../src/sql/relation/relation.js';
import { planRelationView } from '../../../src/sql/relation/view.js';

const FIELDS: readonly Field[] = [
  { name: 'k', type: 'text', nullable: false },
  { name: 'ts', type: 'timestamptz', nullable: false },
];

async function open(captures: readonly DataflowCapture[], options = ''): Promise<Dataflow> {
  const [statement] = await parseViews(`CREATE MATERIALIZED VIEW v ${options} AS SELECT k FROM e`, 'test.sql');
  const stream = { kind: 'stream' as const, name: 'e', fields: FIELDS, key: null, time: 1, tenant: null };
  const view = planRelationView(statement!, new Map([['e', stream]]));
  const dataflow = new Dataflow({
    view,
    isBatch: false,
    stateBytesMax: 2 ** 20,
    sourceFields: new Map([['e', FIELDS]]),
  });
  dataflow.load(captures);
  return dataflow;
}

function publish(dataflow: Dataflow, now: number): string[] {
  return publishedRows(dataflow.changes.publish(now)).map(
    ({ copy, operation, row, state }) => `${operation} ${row[0]} ${copy} ${state}`,
  );
}

test('each row is final at once, and has a number of its own, also behind a snapshot', async () => {
  const first = await open([]);
  first.push(
    'e',
    [
      ['a', 1],
      ['a', 1],
    ],
    1,
  );
  first.flush();
  expect(publish(first, 1)).toEqual(['upsert a 1 final', 'upsert a 2 final']);
  const captures = [first.capture()];
  first.push('e', [['b', 2]], 2);
  first.flush();
  // Captured while a row waits: whoever goes on from there publishes it.
  captures.push(first.capture());
  const second = await open(captures);
  expect(publish(second, 2)).toEqual(['upsert b 3 final']);
  captures.push(second.capture());
  const third = await open(captures);
  third.push('e', [['a', 3]], 3);
  third.flush();
  expect(publish(third, 3)).toEqual(['upsert a 4 final']);
});

test('emit on close still waits for the row to close', async () => {
  const dataflow = await open([], "WITH (emit = 'close', watermark_lag = '0')");
  dataflow.push('e', [['a', 10]], 10);
  dataflow.flush();
  expect(publish(dataflow, 10)).toEqual([]);
  expect(publish(dataflow, 11)).toEqual(['upsert a 1 final']);
});
