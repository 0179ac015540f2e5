import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FrontDoor, KEYS } from './front-door.js';

let door: FrontDoor;
let url = '';
beforeAll(async () => {
  door = await FrontDoor.open();
  url = `http://127.0.0.1:${door.server.port}`;
});
afterAll(() => door.end());

async function ask(body: unknown, key = KEYS.acme) {
  const headers = { authorization: `Bearer ${key}` };
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(`${url}/v1/links`, { method: 'POST', headers, body: text });
  return {
    status: response.status,
    answer: (await response.json()) as { url: string; error: { code: string; message: string; place: string } },
  };
}

describe('POST /v1/links', () => {
  test('signs a link that the front door follows, click id filled in', async () => {
    const { status, answer } = await ask({
      destination: 'https://shop.test/land?cid={clickid}',
      link: 'spring',
      fields: { campaign_id: 'c1' },
    });
    expect(status).toBe(200);
    expect(answer.url.startsWith(`${url}/c?`)).toBe(true);
    const click = await fetch(answer.url, { redirect: 'manual' });
    expect(click.status).toBe(302);
    expect(click.headers.get('location')).toMatch(/^https:\/\/shop\.test\/land\?cid=[\w-]{40,}$/);
    const elsewhere = await fetch(answer.url.replace('shop.test', 'evil.test'), { redirect: 'manual' });
    expect(elsewhere.status).toBe(400);
  });

  test("an operator names the tenant, a tenant's key can only be its own", async () => {
    expect((await ask({ destination: 'https://a.test/', tenant: 'bolt' }, KEYS.operator)).answer.url).toContain(
      't=bolt',
    );
    expect((await ask({ destination: 'https://a.test/' }, KEYS.operator)).answer.error.code).toBe('TENANT_UNKNOWN');
    expect((await ask({ destination: 'https://a.test/', tenant: 'bolt' })).answer.error.code).toBe('KEY_FORBIDDEN');
  });

  test.each([
    ['an unknown key', { destination: 'https://a.test/' }, 'mr_nobody_0123456789', 'KEY_INVALID'],
    ["a reader's key", { destination: 'https://a.test/' }, KEYS.reader, 'KEY_FORBIDDEN'],
    ['no destination', {}, KEYS.acme, 'LINK_INVALID'],
    ['a destination that is not http', { destination: 'javascript:alert(1)' }, KEYS.acme, 'LINK_INVALID'],
    ['a name that is too long', { destination: 'https://a.test/', link: 'x'.repeat(65) }, KEYS.acme, 'LINK_INVALID'],
    ['fields that are not texts', { destination: 'https://a.test/', fields: { cost: 1 } }, KEYS.acme, 'LINK_INVALID'],
    ['an expiry that is no number', { destination: 'https://a.test/', expires_at: 'soon' }, KEYS.acme, 'LINK_INVALID'],
    ['no JSON', '{', KEYS.acme, 'BODY_MALFORMED'],
    ['a list', [], KEYS.acme, 'BODY_MALFORMED'],
  ])('%s is refused', async (_name, body, key, code) => {
    const { status, answer } = await ask(body, key);
    expect(answer.error.code).toBe(code);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(answer.error.message).not.toBe('');
  });

  test('a link can end', async () => {
    const { answer } = await ask({ destination: 'https://a.test/', expires_at: Date.now() - 1000 });
    expect((await fetch(answer.url, { redirect: 'manual' })).status).toBe(400);
  });
});
