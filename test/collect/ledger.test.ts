/** The accounts over restarts and kills, on the real front door and log. */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { Accounts } from '../../src/collect/accounts.js';
import { Cuts } from '../../src/collect/ledger/cuts.js';
import { LEDGER_READER, openLedger, type Ledger } from '../../src/collect/ledger/ledger.js';
import {
  ACCOUNTS_SCHEMA,
  ACCOUNTS_STREAM,
  ACCOUNT_TOTALS_STREAM,
  QUARANTINE_SCHEMA,
  QUARANTINE_STREAM,
} from '../../src/event/internal.js';
import { rowOf } from '../../src/event/rows.js';
import { systemClock } from '../../src/io/clock.js';
import type { EmbeddedLog } from '../../src/log/embedded/open.js';
import { createMetrics } from '../../src/telemetry/metrics.js';
import { definition, events, freshFolder, open, removeFolders } from '../log/support.js';
import { event, FrontDoor, KEYS, ndjson, stream } from './front-door.js';

const opened: FrontDoor[] = [];
afterEach(async () => {
  for (const door of opened.splice(0)) await door.end();
  removeFolders();
});

const bad = (n: number): object => ({ ...event(n), cost: 'much' });

async function openDoor(folder?: string): Promise<{ door: FrontDoor; ledger: Ledger; errors: unknown[] }> {
  const door = new FrontDoor();
  if (folder !== undefined) door.folder = folder;
  await door.start();
  opened.push(door);
  return { door, ...(await openAccounts(door.log, door.collector.accounts)) };
}

async function openAccounts(log: EmbeddedLog, accounts: Accounts): Promise<{ ledger: Ledger; errors: unknown[] }> {
  await log.createStream({ ...stream(ACCOUNTS_STREAM, ACCOUNTS_SCHEMA, 1), policy: 'cut' });
  await log.createStream({ ...stream(ACCOUNT_TOTALS_STREAM, ACCOUNTS_SCHEMA, 1), policy: 'cut' });
  const errors: unknown[] = [];
  return {
    ledger: await openLedger({ log, accounts, clock: systemClock, onError: (error) => errors.push(error) }),
    errors,
  };
}

async function restart(door: FrontDoor, ledger: Ledger): Promise<Ledger> {
  await ledger.close();
  await door.stop();
  await door.start();
  return (await openAccounts(door.log, door.collector.accounts)).ledger;
}

/** The counts of a stream, zeros left out. */
function countsOf(ledger: Ledger, tenant: string | null, name = 'events'): Record<string, number> {
  const found: [string, number][] = [];
  for (const { edge, counts } of ledger.counts(tenant).edgesOf(name))
    for (const [outcome, events_] of counts)
      if (events_ !== 0) found.push([edge === 'collect' ? outcome : `${edge} ${outcome}`, events_]);
  return Object.fromEntries(found);
}

async function sendSome(door: FrontDoor): Promise<void> {
  await door.post(ndjson(event(1), event(2), event(2), bad(3)));
  await door.post(ndjson(event(2), event(4)));
  await door.post(ndjson(event(5)), KEYS.bolt);
  await door.post(ndjson({ ...event(6), tenant_id: 'nobody' }, { ...event(7), tenant_id: 'acme' }), KEYS.operator);
}

const ACME = { received: 7, accepted: 4, duplicates: 2, quarantined: 1, 'rejected EVENT_TYPE': 1 };
const ALL = {
  received: 9,
  accepted: 5,
  duplicates: 2,
  quarantined: 1,
  'rejected EVENT_TYPE': 1,
  'rejected TENANT_UNKNOWN': 1,
  'dropped tenant_unknown': 1,
};

test('every outcome of every tenant is the same after restarts', async () => {
  const { door, ledger } = await openDoor();
  await sendSome(door);
  expect([countsOf(ledger, 'acme'), countsOf(ledger, null)]).toEqual([ACME, ALL]);
  const second = await restart(door, ledger);
  expect([countsOf(second, 'acme'), countsOf(second, null)]).toEqual([ACME, ALL]);
  await door.post(ndjson(event(8), event(1)));
  const third = await restart(door, second);
  expect(countsOf(third, 'acme')).toEqual({ ...ACME, received: 9, accepted: 5, duplicates: 3 });
  expect(countsOf(third, 'bolt')).toEqual({ received: 1, accepted: 1 });
  expect(third.gaps).toEqual([]);
  await third.close();
});

test('after a kill accepted and quarantined events are recounted, and the span in doubt is said', async () => {
  const { door, ledger } = await openDoor();
  await sendSome(door);
  await ledger.flush();
  await door.post(ndjson(event(10), event(11), event(1), bad(12)));
  await door.post(ndjson(event(13)), KEYS.bolt);
  // What a kill leaves is what is on the disk now.
  const killed = mkdtempSync(join(tmpdir(), 'millrace-collect-'));
  cpSync(door.folder, killed, { recursive: true });
  // The pid in it is of this process, which lives.
  for (const name of readdirSync(join(killed, 'log'))) if (name.startsWith('owner')) rmSync(join(killed, 'log', name));
  const before = countsOf(ledger, 'acme');
  expect(before).toMatchObject({ received: 11, accepted: 6, duplicates: 3, quarantined: 2 });
  await ledger.close();

  const { door: next, ledger: after } = await openDoor(killed);
  expect(countsOf(after, 'acme')).toEqual({ ...before, received: 10, duplicates: 2 });
  expect(countsOf(after, 'bolt')).toEqual({ received: 2, accepted: 2 });
  expect(after.gaps).toHaveLength(1);
  const third = await restart(next, after);
  expect(countsOf(third, 'acme')).toEqual({ ...before, received: 10, duplicates: 2 });
  expect(third.gaps).toEqual(after.gaps);
  await third.close();
});

test('a folder without accounts is recounted from the log', async () => {
  const door = await FrontDoor.open();
  opened.push(door);
  await sendSome(door);
  await door.stop();
  await door.start();
  const { ledger } = await openAccounts(door.log, door.collector.accounts);
  const { duplicates: _, ...recounted } = ACME;
  expect(countsOf(ledger, 'acme')).toEqual({ ...recounted, received: 5 });
  await ledger.close();
});

test('what could not be written is written when the disk works again, once', async () => {
  const { door, ledger, errors } = await openDoor();
  await sendSome(door);
  door.faults.fail = 'EIO';
  await ledger.flush();
  expect(errors).toEqual([expect.objectContaining({ code: 'LOG_UNAVAILABLE' })]);
  door.faults.fail = null;
  while (door.log.stats().state !== 'writing') await new Promise((resolve) => setTimeout(resolve, 10));
  await ledger.flush();
  await ledger.flush();
  expect(countsOf(ledger, null)).toEqual(ALL);
  const sums: Record<string, number> = {};
  for (const row of door.rows(ACCOUNTS_STREAM)) {
    const name = row['reason'] === null ? row['outcome'] : `${row['outcome']} ${row['reason']}`;
    sums[name] = (sums[name] ?? 0) + row['events'];
  }
  expect(sums).toEqual(ALL);
  const second = await restart(door, ledger);
  expect(countsOf(second, null)).toEqual(ALL);
  await second.close();
});

test('a flush in the middle of requests never disagrees with the log', async () => {
  const { door, ledger, errors } = await openDoor();
  let number = 0;
  const post = async (): Promise<void> => {
    for (let i = 0; i < 30; i++) {
      const from = (number += 3);
      // The same ids at once: one request waits for the other's commit.
      await Promise.all([
        door.post(ndjson(event(from), event(from + 1))),
        door.post(ndjson(event(from + 1), event(from + 2))),
      ]);
    }
  };
  const posting = Promise.all([post(), post(), post()]);
  for (let flushes = 0; flushes < 100; flushes++) {
    await ledger.flush();
    // What a kill would leave now: the accepted events that are written, and how far they reach.
    const { positions } = door.log.reader(LEDGER_READER)!;
    const reached = positions.reduce((sum, { stream: name, offset }) => sum + (name === 'events' ? offset : 0), 0);
    const accepted = door.rows(ACCOUNTS_STREAM).filter((row) => row['outcome'] === 'accepted');
    expect(accepted.reduce((sum, row) => sum + (row['events'] as number), 0)).toBe(reached);
  }
  await posting;
  expect(errors).toEqual([]);
  await ledger.close();
});

test('rows that the disk bound takes from a reader are kept by reader, stream and tenant, once', async () => {
  const cuts = new Cuts(createMetrics());
  const folder = freshFolder();
  const options = { segmentBytes: 1 << 15, firstSegmentBytes: 1 << 15 };
  const log = await open(folder, { options, onCut: (rows) => cuts.take(rows) });
  await log.createStream(definition('events', { bytesMax: 60_000, policy: 'cut' }));
  await log.createStream(stream(QUARANTINE_STREAM, QUARANTINE_SCHEMA, 1));
  await log.registerReader('slow', [{ stream: 'events', partition: 0, offset: 50 }]);
  const accounts = new Accounts();
  const { ledger, errors } = await openAccounts(log, accounts);
  cuts.open(ledger);
  for (let i = 0; i < 120; i++) {
    await log.append({ batches: [{ stream: 'events', rows: events(100, i * 100) }] });
    accounts.of('events', 'tenant-0').accepted += 100;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await ledger.close();
  const { start } = log.range('events', 0);
  expect(start).toBeGreaterThan(50);
  expect(countsOf(ledger, null)['slow cut']).toBe(start - 50);
  const cut = { reader: 'slow', stream: 'events', partition: 0, from: 50, to: start, tenant: 'tenant-0', rows: 7 };
  await ledger.cut([cut]);
  expect(countsOf(ledger, null)['slow cut']).toBe(start - 50);
  expect(errors).toEqual([]);
  await log.close();

  const again = await open(folder, { options });
  const { ledger: next } = await openAccounts(again, new Accounts());
  expect(countsOf(next, null)['slow cut']).toBe(start - 50);
  const tenants = ['tenant-0', 'tenant-1', 'tenant-2'].map((tenant) => countsOf(next, tenant)['slow cut'] ?? 0);
  expect(tenants.every((rows) => rows > 0)).toBe(true);
  expect(tenants.reduce((sum, rows) => sum + rows, 0)).toBe(start - 50);
  await next.close();
  await again.close();
});

test('the rows are of their minute', async () => {
  const { door, ledger } = await openDoor();
  await sendSome(door);
  const now = Date.now();
  await ledger.close();
  const cursor = door.log.cursor(ACCOUNTS_STREAM, 0, 0);
  const { batch } = cursor.next()!;
  cursor.close();
  const minute = rowOf(batch, 0)['minute'] as number;
  expect(minute % 60_000).toBe(0);
  expect(now - minute).toBeLessThan(180_000);
});

test('accounts that differ from the log are said once, and written all the same', async () => {
  const log = await open(freshFolder());
  await log.createStream(definition('events'));
  await log.createStream(stream(QUARANTINE_STREAM, QUARANTINE_SCHEMA, 1));
  const { ledger, errors } = await openAccounts(log, new Accounts());
  await log.append({ batches: [{ stream: 'events', rows: events(3, 0) }] });
  await ledger.flush();
  await ledger.flush();
  expect(errors).toEqual([expect.objectContaining({ code: 'INTERNAL', message: expect.stringContaining("'events'") })]);
  expect(log.reader(LEDGER_READER)!.positions).toContainEqual({ stream: 'events', partition: 0, offset: 3 });
  await ledger.close();
  await log.close();
});
