import { afterEach, describe, expect, test } from 'vitest';
import { signLink } from '../../../src/collect/tracking/links.js';
import { event, FrontDoor, id, KEYS, ndjson, type Json } from '../front-door.js';
import { hotIps, TestGuard } from './guarding.js';

let door: FrontDoor;
afterEach(async () => {
  expect(door.errors).toEqual([]);
  await door.end();
});

async function open(options: string, limits = {}, sql = hotIps(options)): Promise<TestGuard> {
  const guard = new TestGuard(sql, limits);
  // A busy machine may take long: nothing here is about clicks that do not wait for the log.
  door = await FrontDoor.open({ guarding: guard.guarding, limits: { clickWaitMs: 60_000 } });
  guard.complete();
  await guard.caughtUp();
  return guard;
}

const ofIp = (number: number, ip: string | null, fields = {}) => event(number, { ip, ...fields });
const labelsOf = (): Record<string, Json> =>
  Object.fromEntries(door.rows('events').map((row) => [row['event_id'], row['labels']]));
const click = (headers = {}) =>
  door.request(
    'GET',
    signLink(door.keys, { base: '', tenant: 'acme', destination: 'https://shop.example/a' }),
    null,
    headers,
  );

describe('a guard that labels', () => {
  test('labels the events of its key, of its tenant, and no others', async () => {
    const guard = await open("guard_label = 'hot'");
    await door.post(ndjson(ofIp(1, '9.9.9.9')));
    await guard.change({ ip: '9.9.9.9' });
    await door.post(
      ndjson(ofIp(2, '9.9.9.9'), ofIp(3, '9.9.9.8'), ofIp(4, null), ofIp(5, '9.9.9.9', { labels: ['x'] })),
    );
    await door.post(ndjson(ofIp(6, '9.9.9.9')), KEYS.bolt);
    expect(labelsOf()).toEqual({
      [id(1)]: null,
      [id(2)]: ['hot'],
      [id(3)]: null,
      [id(4)]: null,
      [id(5)]: ['x', 'hot'],
      [id(6)]: null,
    });
  });

  test('stops when HAVING takes the row away', async () => {
    const guard = await open("guard_for = '0 seconds'");
    await guard.change({ ip: '9.9.9.9' });
    await door.post(ndjson(ofIp(1, '9.9.9.9')));
    await guard.change({ ip: '9.9.9.9', op: 'delete' });
    await door.post(ndjson(ofIp(2, '9.9.9.9')));
    expect(labelsOf()).toEqual({ [id(1)]: ['hot_ips'], [id(2)]: null });
  });

  test('does not act on rows of windows that are long over', async () => {
    const guard = await open("guard_for = '10 minutes', watermark_lag = '10 seconds'");
    const at = Date.now() - 700_000;
    await guard.change({ ip: '9.9.9.9', window_start: at - 60_000, window_end: at, state: 'final' });
    await guard.change({ ip: '9.9.9.8', window_start: at + 100_000, window_end: at + 160_000, state: 'final' });
    await door.post(ndjson(ofIp(1, '9.9.9.9'), ofIp(2, '9.9.9.8')));
    expect(labelsOf()).toEqual({ [id(1)]: null, [id(2)]: ['hot_ips'] });
  });

  test('labels clicks and pixels too', async () => {
    const guard = await open('');
    await guard.change({ ip: '127.0.0.1' });
    expect((await click()).headers.location).toBe('https://shop.example/a');
    expect((await door.request('GET', '/i?t=acme')).status).toBe(200);
    expect(Object.values(labelsOf())).toEqual([['hot_ips'], ['hot_ips']]);
  });

  test('guards by several columns', async () => {
    const sql = `CREATE MATERIALIZED VIEW pairs WITH (guard = 'ip, user_id') AS
      SELECT ip, user_id, count(*) AS n FROM events GROUP BY ip, user_id HAVING count(*) > 10`;
    const guard = await open('', {}, sql);
    await guard.change({ tenant: '', window_start: 0, window_end: 3_600_000, ip: '9.9.9.9', user_id: 'u' });
    await door.post(
      ndjson(ofIp(1, '9.9.9.9', { user_id: 'u' }), ofIp(2, '9.9.9.9', { user_id: 'v' }), ofIp(3, '9.9.9.9')),
    );
    await door.post(ndjson(ofIp(4, '9.9.9.9', { user_id: 'u' })), KEYS.bolt);
    expect(labelsOf()).toEqual({ [id(1)]: ['pairs'], [id(2)]: null, [id(3)]: null, [id(4)]: ['pairs'] });
  });
});

describe('a guard that blocks', () => {
  test('keeps events out, in the quarantine with its name, and the accounts close', async () => {
    const guard = await open("guard_action = 'block'");
    await guard.change({ ip: '9.9.9.9' });
    const events = [ofIp(1, '9.9.9.8'), ofIp(2, '9.9.9.9'), ofIp(3, '9.9.9.7'), { bad: true }];
    const answer = (await door.post(ndjson(...events))).json();
    expect(answer).toMatchObject({ accepted: 2, duplicates: 0 });
    expect(answer.rejected.find((one: Json) => one.index === 1)).toEqual({
      index: 1,
      code: 'EVENT_GUARDED',
      message: 'guarded:hot_ips',
      path: null,
    });
    expect(door.rows('events').map((row) => row['event_id'])).toEqual([id(1), id(3)]);
    const kept = door.rows('quarantine').find((row) => row['code'] === 'EVENT_GUARDED')!;
    expect(kept).toMatchObject({ tenant: 'acme', stream: 'events', message: 'guarded:hot_ips', event_id: id(2) });
    expect(JSON.parse(Buffer.from(kept['original'], 'base64').toString())).toMatchObject({ event_id: id(2) });
    const account = door.collector.accounts.of('events', 'acme');
    expect(account).toMatchObject({ received: 4, accepted: 2, quarantined: 2 });
    expect(account.rejected['EVENT_GUARDED']).toBe(1);
  });

  test('never makes a visitor fail', async () => {
    const guard = await open("guard_action = 'block'");
    await guard.change({ ip: '127.0.0.1' });
    const answer = await click();
    expect([answer.status, answer.headers.location]).toEqual([302, 'https://shop.example/a']);
    const pixel = await door.request('GET', '/i?t=acme');
    expect([pixel.status, pixel.body.length]).toEqual([200, 43]);
    expect(door.rows('events')).toEqual([]);
    expect(door.rows('quarantine').map((row) => row['message'])).toEqual(['guarded:hot_ips', 'guarded:hot_ips']);
    expect(door.collector.accounts.of('events', 'acme').unlogged).toBe(0);
  });

  test('sends clicks to its address where it has one', async () => {
    const guard = await open("guard_action = 'block', guard_url = 'https://safe.example/?c={clickid}'");
    await guard.change({ ip: '127.0.0.1' });
    expect((await click()).headers.location).toMatch(/^https:\/\/safe\.example\/\?c=[\w.~-]+$/);
  });
});

test('a guard that redirects labels the click, keeps where it led, and sends the visitor elsewhere', async () => {
  const guard = await open("guard_action = 'redirect', guard_url = 'https://safe.example/'");
  expect((await click()).headers.location).toBe('https://shop.example/a');
  await guard.change({ ip: '127.0.0.1' });
  expect((await click()).headers.location).toBe('https://safe.example/');
  expect(door.rows('events').map(({ url, labels }) => [url, labels])).toEqual([
    ['https://shop.example/a', null],
    ['https://shop.example/a', ['hot_ips']],
  ]);
});

describe('a guard that can not tell', () => {
  test('lets pass with a label until the mill has said how far it is', async () => {
    const guard = new TestGuard(hotIps("guard_action = 'block'"));
    door = await FrontDoor.open({ guarding: guard.guarding });
    await guard.change({ ip: '9.9.9.9' });
    await door.post(ndjson(ofIp(1, '9.9.9.9'), ofIp(2, null)));
    guard.complete();
    await new Promise((resolve) => setTimeout(resolve, 60));
    await door.post(ndjson(ofIp(3, '9.9.9.9'), ofIp(4, '9.9.9.8')));
    expect(labelsOf()).toEqual({ [id(1)]: ['guard_unavailable'], [id(2)]: null, [id(4)]: null });
  });

  test('lets pass with a label while it is behind', async () => {
    const guard = await open("watermark_lag = '0 seconds'", { behindMaxMs: 1_000 });
    await guard.change({ ip: '9.9.9.9' });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    await door.post(ndjson(ofIp(1, '9.9.9.9')));
    let last = 1;
    const isBack = async (): Promise<boolean> => {
      guard.complete();
      await guard.caughtUp();
      await door.post(ndjson(ofIp(++last, '9.9.9.9')));
      return labelsOf()[id(last)]?.[0] === 'hot_ips';
    };
    await expect.poll(isBack, { timeout: 20_000 }).toBe(true);
    expect(labelsOf()[id(1)]).toEqual(['guard_unavailable']);
  });
});

test('keys are there again after a restart, and metrics say what guards do', async () => {
  const guard = await open('', { keysMax: 2 });
  await guard.change({ ip: '9.9.9.1' }, { ip: '9.9.9.2' }, { ip: '9.9.9.3' });
  await door.post(ndjson(ofIp(1, '9.9.9.2')));
  const valueOf = async (name: string): Promise<unknown> => {
    const parts = (await door.metrics.collect()) as readonly Json[];
    return parts.find((part) => part.name === name)?.values.map(({ labels, value }: Json) => [labels, value]);
  };
  expect(await valueOf('millrace_guard_keys')).toEqual([[{ view: 'hot_ips' }, 2]]);
  expect(await valueOf('millrace_guard_evicted_keys_total')).toEqual([[{ view: 'hot_ips' }, 1]]);
  expect(await valueOf('millrace_guard_events_total')).toEqual([[{ view: 'hot_ips', outcome: 'labelled' }, 1]]);
  await door.stop();
  await door.start({ guarding: guard.guarding });
  guard.complete();
  await guard.caughtUp();
  await door.post(ndjson(ofIp(2, '9.9.9.3'), ofIp(3, '9.9.9.1')));
  expect(labelsOf()).toEqual({ [id(1)]: ['hot_ips'], [id(2)]: ['hot_ips'], [id(3)]: null });
});
