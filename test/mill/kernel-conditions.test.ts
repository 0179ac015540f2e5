/** WHERE and FILTER over a plain boolean column, in the kernels. */
import { expect, test } from 'vitest';
import { rowOf } from '../../src/event/rows.js';
import { Flow } from '../../src/mill/operators/flow.js';
import { batchOfEvents, EVENTS, planOf } from './support.js';

const T0 = 1_760_000_040_000;

test('keep a row when the column is true: neither false nor NULL', async () => {
  const plan = await planOf(`CREATE MATERIALIZED VIEW v WITH (watermark_lag = '5 seconds') AS
    SELECT kind, window_start, count(*) AS kept, count(*) FILTER (WHERE flag AND number > 1) AS some
    FROM TUMBLE(events, at, INTERVAL '1 minute') WHERE flag GROUP BY kind, window_start`);
  const closed = { find: () => undefined, asOf: () => undefined };
  const flow = new Flow({ plan, schema: EVENTS, clock: 'arrival', partitions: 1, stateBytesMax: 2 ** 28, closed });
  const batch = batchOfEvents(
    [true, false, null, true, true].map((flag, number) => ({
      id: `${number}`,
      tenant: 'acme',
      at: T0,
      kind: 'click',
      flag,
      number,
    })),
  );
  flow.process(
    {
      stream: 'events',
      partition: 0,
      baseOffset: 0,
      rows: batch.rows,
      batch,
      eventTimeMin: T0,
      eventTimeMax: T0,
      receivedAt: T0,
      clockAdvanceMs: 0,
      clockTotalMs: 0,
    },
    false,
    0,
  );
  const [changes] = flow.flush([], false).changes;
  expect(rowOf(changes!, 0)).toMatchObject({ kind: 'click', kept: 3, some: 2 });
  expect(changes!.rows).toBe(1);
});
