import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mintClickId, readClickId } from '../../src/collect/tracking/click-id.js';
import { consentOf } from '../../src/collect/tracking/consent.js';
import { signLink } from '../../src/collect/tracking/links.js';
import { expandMacros } from '../../src/collect/tracking/macros.js';
import { SigningKeys } from '../../src/collect/tracking/signing-keys.js';
import { systemRandom } from '../../src/io/random.js';
import { FrontDoor, id, SECRETS, type Json } from './front-door.js';

let door: FrontDoor;
beforeAll(async () => {
  door = await FrontDoor.open();
});
afterAll(async () => {
  expect(door.errors).toEqual([]);
  await door.end();
});

const newest = (): Record<string, Json> =>
  door
    .rows('events')
    .sort((a, b) => a['received_at'] - b['received_at'])
    .at(-1)!;
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');
const BOT = 'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)';
/** TCF 2 strings with and without consent to purpose 1. */
const tcf = (purpose1: boolean): string => {
  const core = Buffer.alloc(30);
  core[0] = 2 << 2;
  if (purpose1) core[19] = 0x80;
  return core.toString('base64url');
};

describe('GET /i', () => {
  test('answers the GIF, uncached, and logs an impression with what it knows', async () => {
    const answer = await door.request(
      'GET',
      `/i?t=acme&event_id=${id(1)}&campaign_id=c7&cost=0.25&page=%2Fhome&gpp_sid=7`,
      null,
      { referer: 'https://news.example/', cookie: `a=b; mr_uid=${id(99)}` },
    );
    expect([answer.status, answer.headers['content-type'], answer.body.equals(GIF), answer.body.length]).toEqual([
      200,
      'image/gif',
      true,
      43,
    ]);
    expect(answer.headers['cache-control']).toContain('no-store');
    expect(answer.headers['set-cookie']).toEqual([
      `mr_uid=${id(99)}; Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=None`,
    ]);
    expect(newest()).toMatchObject({
      tenant_id: 'acme',
      event_id: id(1),
      event_type: 'impression',
      campaign_id: 'c7',
      cost: '0.250000',
      referrer: 'https://news.example/',
      user_id: id(99),
      ip: '127.0.0.1',
      props: { page: '/home', gpp_sid: '7' },
    });
  });

  test('counts a resend once', async () => {
    const before = door.rows('events').length;
    for (let i = 0; i < 3; i++) await door.request('GET', `/i?t=acme&event_id=${id(2)}`);
    expect(door.rows('events').length - before).toBe(1);
  });

  test('labels bots, prefetches and missing agents, and drops none', async () => {
    const labels: unknown[] = [];
    for (const headers of [
      { 'user-agent': BOT },
      { 'sec-purpose': 'prefetch;prerender' },
      { 'user-agent': '' },
      { 'x-moz': 'prefetch', 'user-agent': BOT },
      {},
    ] as Record<string, string>[]) {
      await door.request('GET', '/i?t=acme', null, headers);
      labels.push(newest()['labels']);
    }
    expect(labels).toEqual([['bot'], ['prefetch'], ['no_user_agent'], ['prefetch', 'bot'], null]);
  });

  test('keeps personal data and cookies from those who did not agree', async () => {
    const refused = await door.request('GET', `/i?t=acme&user_id=u1&gdpr=1&gdpr_consent=${tcf(false)}`, null, {
      cookie: `mr_uid=${id(98)}`,
    });
    expect(refused.headers['set-cookie']).toBeUndefined();
    expect(newest()).toMatchObject({
      ip: null,
      user_id: null,
      labels: ['no_consent'],
      props: { gdpr: '1', gdpr_consent: tcf(false) },
    });
    const agreed = await door.request('GET', `/i?t=acme&gdpr=1&gdpr_consent=${tcf(true)}`, null, {
      cookie: `mr_uid=${id(98)}`,
    });
    expect(agreed.headers['set-cookie']).toHaveLength(1);
    expect(newest()).toMatchObject({ ip: '127.0.0.1', user_id: id(98), labels: null });
  });

  test.each([
    ['an unknown tenant', '/i?t=nobody', 'tenant_unknown'],
    ['no tenant', '/i', 'tenant_unknown'],
  ])('answers the GIF for %s and counts it', async (_, path, reason) => {
    const account = door.collector.accounts.of('events', '*');
    const before = account.dropped[reason as 'tenant_unknown'] ?? 0;
    expect((await door.request('GET', path)).body.equals(GIF)).toBe(true);
    expect(account.dropped[reason as 'tenant_unknown']).toBe(before + 1);
  });

  test('answers the GIF for a wrong value and puts the request into the quarantine', async () => {
    expect((await door.request('GET', '/i?t=acme&cost=much')).body.equals(GIF)).toBe(true);
    const row = door.rows('quarantine').at(-1)!;
    expect([row['tenant'], row['code'], row['path'], Buffer.from(row['original'], 'base64').toString()]).toEqual([
      'acme',
      'EVENT_TYPE',
      'cost',
      '/i?t=acme&cost=much',
    ]);
  });
});

describe('GET /c', () => {
  const link = (destination: string, more: object = {}): string =>
    signLink(door.keys, { base: '', tenant: 'acme', destination, ...more });

  test('redirects with a click id that proves tenant, link and time, and logs the click', async () => {
    const answer = await door.request(
      'GET',
      link('https://shop.test/p?c={clickid}&a=1', { link: 'spring', fields: { campaign_id: 'c9' } }),
    );
    expect([answer.status, answer.headers['cache-control'], answer.headers['set-cookie']?.length]).toEqual([
      302,
      'no-store',
      1,
    ]);
    const clickId = new URL(answer.headers.location!).searchParams.get('c')!;
    expect(readClickId(door.keys, clickId)).toMatchObject({ tenant: 'acme', link: 'spring' });
    expect(Math.abs(readClickId(door.keys, clickId)!.timeMs - Date.now())).toBeLessThan(60_000);
    expect(newest()).toMatchObject({
      event_type: 'click',
      click_id: clickId,
      campaign_id: 'c9',
      url: answer.headers.location,
      props: { link: 'spring' },
    });
  });

  test('fills macros and strips those that it does not know', async () => {
    const answer = await door.request(
      'GET',
      `${link('https://shop.test/?a=${AUCTION_ID}&u=%%CLICK_URL_ESC%%&x=${NOPE}&y={z}')}&auction_id=a%26b`,
      null,
      { host: 'track.test' },
    );
    const location = new URL(answer.headers.location!);
    expect([location.searchParams.get('a'), location.searchParams.get('x'), location.searchParams.get('y')]).toEqual([
      'a&b',
      '',
      '',
    ]);
    expect(decodeURIComponent(location.searchParams.get('u')!)).toContain('//track.test/c?t=acme');
  });

  test('follows an unsigned link only to the hosts of its tenant', async () => {
    const statuses: number[] = [];
    for (const destination of [
      'https://shop.example/x',
      'https://img.cdn.example/',
      'https://cdn.example/',
      'https://evil.example/',
      'https://shop.example.evil.test/',
      'https://shop.example@evil.test/',
      'https://shop.example:8443/',
    ])
      statuses.push((await door.request('GET', `/c?t=acme&u=${encodeURIComponent(destination)}`)).status);
    expect(statuses).toEqual([302, 302, 400, 400, 400, 400, 400]);
    expect((await door.request('GET', '/c?t=bolt&u=https%3A%2F%2Fshop.example%2F')).json().error.code).toBe(
      'LINK_INVALID',
    );
  });

  test.each([
    ['another destination', (path: string) => path.replace('shop.test', 'evil.test')],
    ['another tenant', (path: string) => path.replace('t=acme', 't=bolt')],
    ['another link', (path: string) => path.replace('l=a', 'l=b')],
    ['a later expiry', (path: string) => path.replace(/x=\d+/, 'x=99999999999')],
    ['no expiry', (path: string) => path.replace(/&x=\d+/, '')],
    ['another key', (path: string) => path.replace('k=k1', 'k=k2')],
    ['a cut signature', (path: string) => path.replace(/s=.{4}/, 's=')],
    ['a script', () => '/c?t=acme&u=javascript%3Aalert(1)'],
    ['no scheme', () => '/c?t=acme&u=%2F%2Fevil.test%2F'],
    ['no destination', () => '/c?t=acme'],
  ])('refuses a link with %s', async (_, change) => {
    const good = link('https://shop.test/', { link: 'a', expiresAt: Date.now() + 60_000 });
    expect(change(good)).not.toBe(good);
    const answer = await door.request('GET', change(good));
    expect([answer.status, answer.json().error.code, answer.headers.location]).toEqual([
      400,
      'LINK_INVALID',
      undefined,
    ]);
    expect((await door.request('GET', good)).status).toBe(302);
  });

  test('refuses an expired link, and one that names its host by a macro', async () => {
    expect(
      (await door.request('GET', link('https://shop.test/', { expiresAt: Date.now() - 2000 }))).json().error.message,
    ).toContain('expired');
    expect(() => link('https://${HOST}/')).toThrow(/plain host/);
  });

  test('still follows links of an older key after a rotation', async () => {
    const old = link('https://shop.test/');
    const rotated = new SigningKeys([{ id: 'k2', secret: 'another secret of thirty-two characters' }, ...SECRETS]);
    const signature = new URL(`http://x${old}`).searchParams;
    const parts = ['acme', 'https://shop.test/', '', ''];
    expect(rotated.verify('link', 'k1', parts, Buffer.from(signature.get('s')!, 'base64url'))).toBe(true);
    expect(rotated.sign('link', parts).equals(door.keys.sign('link', parts))).toBe(false);
    expect(rotated.verify('click', 'k1', parts, Buffer.from(signature.get('s')!, 'base64url'))).toBe(false);
  });
});

describe('/postback', () => {
  const click = (tenant = 'acme'): string =>
    mintClickId(door.keys, systemRandom, { tenant, link: 'spring', timeMs: 1_700_000_000_000 });

  test('takes a conversion of our click id and counts a resend once, another sale again', async () => {
    const cid = click();
    const path = `/postback?cid=${cid}&payout=12.5&currency=EUR&et=sale&param1=p&param5=q`;
    const outcomes = [
      await door.request('GET', `${path}&txid=1`),
      await door.request('GET', `${path}&txid=1`),
      await door.request('GET', `${path}&txid=2`),
    ];
    expect(outcomes.map((one) => [one.status, one.json()])).toEqual([
      [200, { accepted: 1, duplicates: 0, rejected: [] }],
      [200, { accepted: 0, duplicates: 1, rejected: [] }],
      [200, { accepted: 1, duplicates: 0, rejected: [] }],
    ]);
    expect(newest()).toMatchObject({
      tenant_id: 'acme',
      event_type: 'conversion',
      click_id: cid,
      revenue: '12.500000',
      currency: 'EUR',
      props: { txid: '2', et: 'sale', param1: 'p', param5: 'q', clicked_at: 1_700_000_000_000, link: 'spring' },
    });
  });

  test("takes forms, JSON, a network's own names and foreign click ids by secret", async () => {
    const form = await door.request('POST', `/postback?cid=${click()}`, 'payout=1&txid=f', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    const json = await door.request('POST', `/postback?cid=${click()}`, '{"payout": 2.5, "txid": "j"}', {
      'content-type': 'application/json',
    });
    const foreign = await door.request(
      'GET',
      '/postback/a-postback-secret-of-bolt?click-id=gclid-123&name=lead&transaction_id=t9&payout=3',
    );
    expect([form, json, foreign].map((one) => [one.status, one.json().accepted])).toEqual([
      [200, 1],
      [200, 1],
      [200, 1],
    ]);
    expect(newest()).toMatchObject({
      tenant_id: 'bolt',
      click_id: 'gclid-123',
      revenue: '3.000000',
      props: { txid: 't9', et: 'lead' },
    });
    const token = await door.request('GET', '/postback?token=a-postback-secret-of-bolt&click-id=gclid-124');
    expect(token.json().accepted).toBe(1);
    const named = await door.request('GET', `/postback?t=bolt&click-id=${click('bolt')}`);
    expect(named.json().accepted).toBe(1);
  });

  test.each<[string, () => string, number, string]>([
    ['no click id', () => '/postback?payout=1', 400, 'CLICK_ID_INVALID'],
    ['a foreign click id without a secret', () => '/postback?cid=gclid-1', 400, 'CLICK_ID_INVALID'],
    ['a foreign click id with only a tenant', () => '/postback?t=bolt&click-id=gclid-1', 400, 'CLICK_ID_INVALID'],
    ['a forged click id', () => `/postback?cid=${click().slice(0, -2)}AA`, 400, 'CLICK_ID_INVALID'],
    [
      "another tenant's click id",
      () => `/postback?token=a-postback-secret-of-bolt&cid=${click('acme')}`,
      400,
      'CLICK_ID_INVALID',
    ],
    ['a wrong secret', () => `/postback/wrong?cid=${click()}`, 401, 'KEY_INVALID'],
    ['a payout that is no number', () => `/postback?cid=${click()}&payout=much`, 400, 'EVENT_TYPE'],
  ])('refuses %s', async (_, path, status, code) => {
    const answer = await door.request('GET', path());
    expect([answer.status, answer.json().error.code]).toEqual([status, code]);
  });
});

describe('helpers', () => {
  test('macros: dialects, encodings, and nothing left over', () => {
    const values = { CLICKID: 'a b', CLICK_URL: 'http://t/c?x=1' };
    expect(expandMacros('{clickid}|${CLICKID}|%%CLICKID%%|%7Bclickid%7D', values)).toBe('a%20b|a%20b|a%20b|a%20b');
    expect(expandMacros('${CLICK_URL_ENC}', values)).toBe(encodeURIComponent(encodeURIComponent(values.CLICK_URL)));
    expect(expandMacros('%%CLICK_URL_ESC_ESC%%', values)).toBe(
      encodeURIComponent(encodeURIComponent(encodeURIComponent(values.CLICK_URL))),
    );
    expect(expandMacros('x=${constructor}&y={__proto__}', values)).toBe('x=&y=');
  });

  test('click ids survive neither change nor another key', () => {
    const cid = mintClickId(door.keys, systemRandom, { tenant: 'täna', link: 'l', timeMs: 5 });
    expect(readClickId(door.keys, cid)).toEqual({ tenant: 'täna', link: 'l', timeMs: 5 });
    const bytes = Buffer.from(cid, 'base64url');
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1;
      expect(readClickId(door.keys, changed.toString('base64url'))).toBeNull();
    }
    expect(
      readClickId(new SigningKeys([{ id: 'k1', secret: 'another secret of thirty-two characters' }]), cid),
    ).toBeNull();
    for (const text of ['', 'x', `${cid}A`, `${cid}=`, 'A'.repeat(600)])
      expect(readClickId(door.keys, text)).toBeNull();
  });

  test('consent: applies by gdpr or by section, and what is unreadable is a no', () => {
    const personal = (query: string): boolean => consentOf(new URLSearchParams(query)).personal;
    expect(personal('')).toBe(true);
    expect(personal('gdpr=0&gdpr_consent=x')).toBe(true);
    expect(personal('gdpr=1')).toBe(false);
    expect(personal('gdpr=1&gdpr_consent=!!')).toBe(false);
    expect(personal(`gdpr=1&gdpr_consent=${tcf(true)}.rest`)).toBe(true);
    expect(personal('gpp_sid=7_2')).toBe(false);
    expect(personal(`gpp_sid=2&gpp=DBABMA~${tcf(true)}~1YNN`)).toBe(true);
    expect(personal('gpp_sid=7&gpp=DBABLA~BVVVVVVVVmY.QA')).toBe(true);
  });
});
