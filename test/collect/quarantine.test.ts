import { createHash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { Quarantine, type FailedEvent } from '../../src/event/quarantine.js';
import { QUARANTINE_SCHEMA } from '../../src/event/internal.js';
import { rowOf } from '../../src/event/rows.js';
import { systemClock } from '../../src/io/clock.js';
import { event, FrontDoor, KEYS, ndjson } from './front-door.js';

let door: FrontDoor | undefined;
afterEach(async () => {
  await door?.end();
  door = undefined;
});

const bad = (fields: object = {}): string => JSON.stringify({ event_type: 'click', cost: 'much', ...fields });

describe('the quarantine', () => {
  test('keeps 64 KB of an original, beyond it length and hash', async () => {
    door = await FrontDoor.open({ limits: { eventBytesMax: 200_000 } });
    const short = bad({ url: 'x'.repeat(60_000) });
    const long = bad({ url: 'x'.repeat(70_000) });
    expect((await door.post(ndjson(JSON.parse(short), JSON.parse(long)))).json().rejected).toHaveLength(2);
    const rows = door.rows('quarantine');
    expect(rows.map((row) => [row['original'], row['original_length'], row['original_hash']])).toEqual([
      [Buffer.from(short).toString('base64'), short.length, null],
      [null, long.length, createHash('sha256').update(long).digest('hex')],
    ]);
  });

  test('beyond its quota a tenant is counted as dropped, and others are not touched', async () => {
    door = await FrontDoor.open({ limits: { quarantineTenantBytesMax: 1000 } });
    const answer = await door.post(ndjson(...Array.from({ length: 10 }, () => JSON.parse(bad())), event(1)));
    expect(answer.json()).toMatchObject({ accepted: 1 });
    expect(answer.json().rejected).toHaveLength(10);
    expect((await door.post(bad(), KEYS.bolt)).json().rejected).toHaveLength(1);
    const kept = door.rows('quarantine').filter((row) => row['tenant'] === 'acme').length;
    expect(kept).toBe(3);
    expect(door.rows('quarantine').filter((row) => row['tenant'] === 'bolt')).toHaveLength(1);
    const account = door.collector.accounts.of('events', 'acme');
    expect([account.received, account.accepted, account.quarantined, account.dropped]).toEqual([
      11,
      1,
      3,
      { quarantine_full: 7 },
    ]);
  });

  test('an event that could not be written takes nothing of the quota', async () => {
    door = await FrontDoor.open({ limits: { quarantineTenantBytesMax: 400 } });
    door.faults.fail = 'EIO';
    for (let i = 0; i < 3; i++) expect((await door.post(bad())).status).toBe(503);
    door.faults.fail = null;
    let answer = await door.post(bad());
    for (let i = 0; i < 500 && answer.status === 503; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      answer = await door.post(bad());
    }
    expect(answer.status).toBe(200);
    expect(door.rows('quarantine')).toHaveLength(1);
  });

  test('paths too many for a dictionary, and texts of any script, come back as they were', () => {
    const quarantine = new Quarantine({ clock: systemClock, tenantBytesMax: 1e12, eventBytesMax: 64 });
    const rejected = Array.from({ length: 10_000 }, (_, index): FailedEvent => ({
      tenant: 'a',
      stream: 'events',
      index,
      code: 'EVENT_TYPE',
      message: `${index} — é 漢 🎉 ${'m'.repeat(index % 700)}`,
      path: index % 5 === 0 ? null : `${index}${'🎉'.repeat(200)}`,
      original: Buffer.from(`original ${index}`),
      eventId: index % 3 === 0 ? null : `id ${index}`,
    }));
    const batch = quarantine.take(rejected).batch!;
    expect(batch.column(QUARANTINE_SCHEMA.columns.findIndex(({ name }) => name === 'path')).kind).toBe('bytes');
    rejected.forEach(({ message, path, original, eventId }, row) => {
      const found = rowOf(batch, row);
      expect([found['index'], found['message'], found['path'], found['original'], found['event_id']]).toEqual([
        row,
        message.slice(0, 512),
        path,
        Buffer.from(original).toString('base64'),
        eventId,
      ]);
    });
  });

  test('a quota is new every day', () => {
    let now = 0;
    const quarantine = new Quarantine({
      clock: { now: () => now, monotonic: () => 0, after: () => () => undefined },
      tenantBytesMax: 700,
      eventBytesMax: 64,
    });
    const one: FailedEvent = {
      tenant: 'a',
      stream: 'events',
      index: 0,
      code: 'EVENT_TYPE',
      message: 'm',
      path: null,
      original: new Uint8Array(10),
      eventId: null,
    };
    const first = quarantine.take([one, one, one]);
    expect(first.kept).toEqual([true, true, false]);
    expect(quarantine.take([one]).batch).toBeNull();
    first.giveBack();
    expect(quarantine.take([one, one]).kept).toEqual([true, true]);
    now = 86_400_000;
    expect(quarantine.take([one]).kept).toEqual([true]);
  });
});

test('after a restart resent events are still duplicates, from the log alone too', async () => {
  door = await FrontDoor.open();
  await door.post(ndjson(event(1), event(2)));
  // The runs are lost: the log has the ids.
  await door.stop();
  const { rmSync } = await import('node:fs');
  rmSync(`${door.folder}/dedupe`, { recursive: true });
  await door.start();
  expect((await door.post(ndjson(event(1), event(2), event(3)))).json()).toMatchObject({ accepted: 1, duplicates: 2 });
  await door.stop();
  await door.start();
  expect((await door.post(ndjson(event(3)))).json()).toMatchObject({ accepted: 0, duplicates: 1 });
});
