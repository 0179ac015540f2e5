import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EdgeCounts } from '../../src/event/edges.js';
import { EDGES_STREAM } from '../../src/event/internal.js';
import { edgeAccounts } from '../../src/serve/audit-edges.js';
import { openFixture, type Fixture } from './query/fixture.js';

let fixture: Fixture;
beforeEach(async () => {
  fixture = await openFixture();
});
afterEach(() => fixture.close());

const MINUTE = Date.UTC(2026, 10, 29, 12, 3);

async function counts(edge: string, fill: (edges: EdgeCounts) => void): Promise<void> {
  const edges = new EdgeCounts();
  fill(edges);
  await fixture.log.append({ batches: edges.batches(edge).map((rows) => ({ stream: EDGES_STREAM, rows })) });
}

const accounts = (tenant: string | null = null) =>
  edgeAccounts({ log: fixture.log, rows: (sql, of) => fixture.query(sql, of) }, tenant);

describe('the accounts of the edges', () => {
  test('close where every row that was read has become something', async () => {
    await counts('deliver.archive', (edges) => {
      edges.add('events', 'acme', MINUTE, 'read', 10);
      edges.add('events', 'acme', MINUTE, 'ok', 6);
      edges.add('events', 'acme', MINUTE, 'filtered', 2, 'filter');
      edges.add('events', 'acme', MINUTE, 'quarantined', 1, 'DELIVERY_REFUSED');
      edges.add('events', 'acme', MINUTE, 'dropped', 1, 'quarantine_full');
      edges.add('events', '*', MINUTE, 'written', 3);
    });
    expect(await accounts()).toEqual([
      {
        edge: 'deliver.archive',
        stream: 'events',
        read: 10,
        ok: 6,
        filtered: { filter: 2 },
        quarantined: { DELIVERY_REFUSED: 1 },
        dropped: { quarantine_full: 1 },
        written: 3,
        pending: 0,
        difference: 0,
        open: [],
      },
    ]);
  });

  test('name edge, tenant and minute of a row that is nowhere, and show a tenant only its own', async () => {
    await counts('deliver.archive', (edges) => {
      for (const tenant of ['acme', 'bolt']) {
        edges.add('events', tenant, MINUTE, 'read', 5);
        edges.add('events', tenant, MINUTE + 60_000, 'read', 5);
        edges.add('events', tenant, MINUTE + 60_000, 'ok', 5);
      }
      edges.add('events', 'acme', MINUTE, 'ok', 5);
      edges.add('events', 'bolt', MINUTE, 'ok', 4);
    });
    const [account] = await accounts();
    expect(account).toMatchObject({ difference: 1 });
    expect(account!.open).toEqual([{ tenant: 'bolt', minute: '2026-11-29T12:03:00.000Z', rows: 1 }]);
    expect(await accounts('acme')).toMatchObject([{ read: 10, ok: 10, difference: 0, open: [] }]);
    expect(await accounts('bolt')).toMatchObject([{ read: 10, ok: 9, difference: 1 }]);
  });

  test('find rows that cancel out over all tenants', async () => {
    await counts('deliver.archive', (edges) => {
      edges.add('events', 'acme', MINUTE, 'read', 5);
      edges.add('events', 'acme', MINUTE, 'ok', 6);
      edges.add('events', 'bolt', MINUTE, 'read', 5);
      edges.add('events', 'bolt', MINUTE, 'ok', 4);
    });
    expect((await accounts())[0]!.open).toHaveLength(2);
  });

  test('count what waits from the positions of the reader', async () => {
    await fixture.append(
      'events',
      ['acme', 'acme', 'bolt'].map((tenant_id, n) => ({ tenant_id, event_id: `e${n}`, event_time: n, kind: 'click' })),
    );
    await counts('deliver.archive', (edges) => {
      edges.add('events', 'acme', MINUTE, 'read', 1);
      edges.add('events', 'acme', MINUTE, 'ok', 1);
    });
    const positions = [0, 1].map((partition) => ({ stream: 'events', partition, offset: 0 }));
    await fixture.log.append({
      batches: [],
      reader: { id: 'deliver.archive', epoch: 1, positions, state: new Uint8Array(0) },
    });
    expect((await accounts())[0]).toMatchObject({ pending: 3 });
    expect((await accounts('acme'))[0]).toMatchObject({ pending: 2 });
  });
});
