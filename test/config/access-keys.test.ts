import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';
import { TenantStore } from '../../src/config/tenant-store.js';
import { buildDirectory, type TenantsInput } from '../../src/config/tenants.js';
import { systemClock } from '../../src/io/clock.js';

const SECRET = 'a secret of some length';
const VARIABLE = 'MILLRACE_TEST_ACCESS_SECRET';
afterEach(() => {
  delete process.env[VARIABLE];
});

const tenants = (...accessKeys: object[]) => [{ id: 'acme', accessKeys }];
const config = (rest: object) => ({ streams: { events: { schema: 'ad-events' } }, ...rest });
const parse = (rest: object) => parseConfig(config(rest), { folder: '/app' });
const key = (secret: unknown, id = 'MRAK0001') => ({ id, secret });

describe('access keys', () => {
  test('have their secrets in clear or from the environment', () => {
    const input = {
      tenants: tenants(key(SECRET), key({ env: VARIABLE }, 'MRAK0002')),
      operatorAccessKeys: [{ ...key(SECRET, 'MRAK0003'), name: 'deploy' }],
    } as TenantsInput;
    const directory = buildDirectory(input, 'here', { [VARIABLE]: 'another secret of some length' });
    expect(directory.accessKey('MRAK0001')).toEqual({
      secret: SECRET,
      principal: { tenant: 'acme', role: 'ingest', keyName: 'MRAK0001' },
    });
    expect(directory.accessKey('MRAK0002')?.secret).toBe('another secret of some length');
    expect(directory.accessKey('MRAK0003')?.principal).toEqual({ tenant: '*', role: 'operator', keyName: 'deploy' });
    expect(directory.accessKey('nobody')).toBeUndefined();
  });

  test('are taken up from the tenants file too, and again when it changes', () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-access-'));
    const file = join(folder, 'tenants.json');
    writeFileSync(file, JSON.stringify({ tenants: tenants(key(SECRET)) }));
    const store = new TenantStore({
      file,
      inline: { tenants: [], operatorAccessKeys: [{ id: 'MRAK0009', secret: SECRET }] },
      clock: systemClock,
    });
    expect(store.directory.accessKey('MRAK0001')?.principal.tenant).toBe('acme');
    expect(store.directory.accessKey('MRAK0009')?.principal.role).toBe('operator');
    writeFileSync(file, JSON.stringify({ tenants: [], operatorAccessKeys: [key(SECRET, 'MRAK0004')] }));
    expect(store.reload()).toBe(true);
    expect(store.directory.accessKey('MRAK0001')).toBeUndefined();
    expect(store.directory.accessKey('MRAK0004')?.principal.role).toBe('operator');
    store.close();
    rmSync(folder, { recursive: true });
  });

  test('in clear are demo keys: they refuse a public host, those of the environment do not', () => {
    const http = { host: '0.0.0.0' };
    expect(() => parse({ http, tenants: tenants(key(SECRET)) })).toThrow(/1 key stand in clear/);
    expect(() => parse({ http, operatorAccessKeys: [key(SECRET)] })).toThrow(/DEMO|stand in clear/);
    process.env[VARIABLE] = SECRET;
    expect(parse({ http, tenants: tenants(key({ env: VARIABLE })) }).tenants.demoAccessKeys).toEqual([]);
    expect(parse({ operatorAccessKeys: [key(SECRET)] }).tenants.demoAccessKeys).toEqual([
      { id: 'MRAK0001', secret: SECRET, tenant: '*' },
    ]);
  });

  test.each<[string, object, RegExp]>([
    ['a short secret', key('tooshort'), /accessKeys\[0\]\.secret: expected a secret of at least 16 characters/],
    ['no secret', key(undefined), /expected \{ env: 'NAME' \}/],
    ['an object of more', key({ env: 'A', more: 'tooshort' }), /expected \{ env: 'NAME' \}/],
    [
      'a variable that is not there',
      key({ env: VARIABLE }),
      new RegExp(`expected the environment to have ${VARIABLE}`),
    ],
    ['an id with a slash', key(SECRET, 'MRAK/0001'), /accessKeys\[0\]\.id: expected an id of 8 to 128/],
  ])('with %s are refused, and the secret is not shown', (_, one, message) => {
    expect(() => parse({ tenants: tenants(one) })).toThrow(message);
    expect(() => parse({ tenants: tenants(one) })).not.toThrow(/tooshort/);
  });

  test('have one owner', () => {
    const input = { tenants: tenants(key(SECRET)), operatorAccessKeys: [key(SECRET)] };
    expect(() => parse(input)).toThrow(/operatorAccessKeys\[0\]\.id: the same id belongs to 'acme'/);
  });
});
