/** The fused kernels and the general aggregates make one sketch of a column: so they can be merged. */
import { afterEach, expect, test } from 'vitest';
import { findAggregate } from '../../../../src/sql/aggregates/index.js';
import { valueAt } from '../../../../src/sql/row-value.js';
import { COLUMN_TYPES } from '../../../../src/sql/types.js';
import {
  batchOfEvents,
  EVENTS,
  freshFolder,
  HandClock,
  newest,
  openTestLog,
  planOf,
  readAll,
  removeFolders,
  startView,
} from '../../../mill/support.js';
import type { Event } from '../../../mill/support.js';
import { randomOf } from '../../oracle-rows.js';

const T0 = 1_760_000_040_000;
const COLUMNS = ['seen', 'kind', 'user', 'number', 'cost', 'ratio', 'flag', 'device'];

afterEach(removeFolders);

function randomEvents(count: number): Event[] {
  const random = randomOf(3);
  const orNull = <T>(value: T): T | null => (random() < 0.1 ? null : value);
  return Array.from({ length: count }, (_, i) => ({
    id: `e${i}`,
    tenant: 'acme',
    at: T0 + i,
    seen: orNull(T0 - Math.floor(random() * 1e12)),
    kind: orNull(`k${Math.floor(random() * 50)}`),
    user: orNull(`é${Math.floor(random() * 500)}`),
    number: orNull(random() < 0.1 ? '-9223372036854775808' : String(Math.floor((random() - 0.5) * 1e13))),
    cost: orNull(random() < 0.1 ? '-999999999999.999999' : `${Math.floor(random() * 900)}.500000`),
    ratio: orNull(random() < 0.1 ? -0 : random() - 0.5),
    flag: orNull(random() < 0.5),
    device: orNull(`a0000000-0000-4000-8000-${String(Math.floor(random() * 600)).padStart(12, '0')}`),
  }));
}

test('of each type of column', async () => {
  const list = COLUMNS.map((name) => `approx_count_distinct_sketch("${name}") AS "${name}"`).join(', ');
  const plan = await planOf(
    `CREATE MATERIALIZED VIEW v AS SELECT tenant, window_start, ${list} FROM TUMBLE(events, at, INTERVAL '1 minute') GROUP BY tenant, window_start`,
  );
  const folder = freshFolder();
  const clock = new HandClock(T0 + 1_000);
  const log = await openTestLog(folder, clock, [plan]);
  const { loop } = startView(log, folder, plan, clock);
  const batch = batchOfEvents(randomEvents(800));
  await log.append({ batches: [{ stream: 'events', rows: batch }] });
  await loop.drained();
  const [row] = newest(readAll(log, 'view.v'), ['tenant']).values();
  await loop.stop();
  await log.close();
  for (const name of COLUMNS) {
    const index = EVENTS.columns.findIndex((column) => column.name === name);
    const columnType = EVENTS.columns[index]!.type;
    const type = COLUMN_TYPES[columnType];
    const aggregator = findAggregate('approx_count_distinct_sketch', [type])!.create([type], []);
    const state = aggregator.create();
    for (let i = 0; i < batch.rows; i++) {
      const value = valueAt(batch.column(index), columnType, i);
      if (value !== null) aggregator.add(state, [value]);
    }
    expect(Buffer.from(aggregator.value(state) as Uint8Array).toString('base64'), name).toBe(row![name]);
  }
});
