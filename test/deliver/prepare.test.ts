import { expect, test } from 'vitest';
import { preparer } from '../../src/deliver/prepare.js';
import { EdgeCounts } from '../../src/event/edges.js';
import { REDRIVE_SCHEMA, REDRIVE_STREAM } from '../../src/event/internal.js';
import { batchFromRows } from '../../src/event/rows.js';
import { SCHEMA, someRows } from './support.js';

test('each redriven row has a place of its own, which stays the same', () => {
  const events = someRows(4);
  const rows = events.map((event, n) => ({
    tenant: event.tenant,
    stage: 'deliver',
    reader: n === 1 ? 'another' : 'out',
    stream: 'events',
    original: Buffer.from(JSON.stringify(event)),
    event_id: event.id,
    attempts: 1,
    first_at: 5,
    quarantine_offset: n,
  }));
  const batch = batchFromRows(REDRIVE_SCHEMA, rows);
  const place = { stream: REDRIVE_STREAM, partition: 0, baseOffset: 70, receivedAt: 9, rows: 4, batch };
  const prepare = preparer({ name: 'out', schema: SCHEMA, filter: null, only: null });
  const { slices, failures } = prepare(place as Parameters<typeof prepare>[0], 0, 4, new EdgeCounts());
  expect(failures).toEqual([]);
  expect(slices.map(({ stream, baseOffset, rows: chosen }) => ({ stream, baseOffset, chosen }))).toEqual(
    [70, 72, 73].map((baseOffset) => ({ stream: REDRIVE_STREAM, baseOffset, chosen: null })),
  );
});
