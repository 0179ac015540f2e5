import { renameSync, writeFileSync, rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TenantStore } from '../../src/config/tenant-store.js';
import { bearerKey, buildDirectory, hashKey, type TenantsInput } from '../../src/config/tenants.js';
import { systemClock } from '../../src/io/clock.js';
import { listen } from '../../src/collect/http/server.js';
import { event, FrontDoor, ndjson, TENANTS } from './front-door.js';

const COUNT = 15_000;
const keyOf = (tenant: number, generation = 0): string => `mr_t${tenant}_secret-of-generation-${generation}`;
const many = (generation = 0): TenantsInput => ({
  tenants: Array.from({ length: COUNT }, (_, i) => ({ id: `t${i}`, keys: [{ hash: hashKey(keyOf(i, generation)) }] })),
});

let folder = '';
let file = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-tenants-'));
  file = join(folder, 'tenants.json');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Replaces a file the way config managers do. */
function replace(text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
}

describe('15,000 tenants in a file', () => {
  test('each sends by its own key; keys change without a restart; a bad file changes nothing', async () => {
    replace(JSON.stringify(many()));
    const door = await FrontDoor.open({ tenantsFile: file });
    try {
      expect(door.tenants.directory.size).toBe(COUNT);
      for (const tenant of [0, 7, COUNT - 1])
        expect((await door.post(ndjson(event(tenant)), keyOf(tenant))).json().accepted).toBe(1);
      expect(new Set(door.rows('events').map((row) => row['tenant_id']))).toEqual(
        new Set(['t0', 't7', `t${COUNT - 1}`]),
      );

      replace(JSON.stringify(many(1)));
      await until(() => door.tenants.reloads === 1);
      expect((await door.post(ndjson(event(100)), keyOf(7))).json().error.code).toBe('KEY_INVALID');
      expect((await door.post(ndjson(event(100)), keyOf(7, 1))).json().accepted).toBe(1);

      for (const bad of ['{"tenants": [', '{"tenants": [{"id": "a b"}]}', '{}']) {
        const { failures } = door.tenants;
        replace(bad);
        await until(() => door.tenants.failures === failures + 1);
        expect((await door.post(ndjson(event(101)), keyOf(7, 1))).status).toBe(200);
      }
      rmSync(file);
      await until(() => door.tenants.failures === 4);
      expect(door.tenants.directory.size).toBe(COUNT);
    } finally {
      await door.end();
    }
  });

  test('a reload is told, with what is wrong and where', () => {
    const told: string[] = [];
    replace(JSON.stringify({ tenants: [{ id: 'a' }] }));
    const store = new TenantStore({
      file,
      clock: { ...systemClock, after: () => () => undefined },
      onReload: ({ tenants, error }) => told.push(error === undefined ? `${tenants}` : `${error.code} ${error.place}`),
    });
    replace(JSON.stringify({ tenants: [{ id: 'a' }, { id: 'b' }] }));
    expect(store.reload()).toBe(true);
    expect(store.reload()).toBe(false);
    replace(JSON.stringify({ tenants: [{ id: 'a' }, { id: 'a' }] }));
    expect(store.reload()).toBe(false);
    expect(told).toEqual(['2', `CONFIG_INVALID ${file}: tenants[1].id`]);
  });

  test('at start a bad or missing file is an error', () => {
    expect(() => new TenantStore({ file: join(folder, 'none.json'), clock: systemClock })).toThrow(
      expect.objectContaining({ code: 'CONFIG_NOT_FOUND' }),
    );
    replace('nonsense');
    expect(() => new TenantStore({ file, clock: systemClock })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});

describe('the directory', () => {
  test.each<[string, unknown, string]>([
    ['no tenants', {}, 'tenants'],
    ['an id with a blank', { tenants: [{ id: 'a b' }] }, 'tenants[0].id'],
    ['a short hash', { tenants: [{ id: 'a', keys: [{ hash: 'abc' }] }] }, 'tenants[0].keys[0].hash'],
    ['a short key', { tenants: [{ id: 'a', keys: [{ key: 'short' }] }] }, 'tenants[0].keys[0].key'],
    [
      'an unknown role',
      { tenants: [{ id: 'a', keys: [{ key: 'a-key-of-16-chars', role: 'king' }] }] },
      'tenants[0].keys[0].role',
    ],
    [
      'a tenant as operator',
      { tenants: [{ id: 'a', keys: [{ key: 'a-key-of-16-chars', role: 'operator' }] }] },
      'tenants[0].keys[0].role',
    ],
    [
      'one key of two tenants',
      {
        tenants: [
          { id: 'a', keys: [{ key: 'a-key-of-16-chars' }] },
          { id: 'b', keys: [{ key: 'a-key-of-16-chars' }] },
        ],
      },
      'tenants[1].keys[0]',
    ],
    [
      'a host with a scheme',
      { tenants: [{ id: 'a', redirectHosts: ['https://x.example'] }] },
      'tenants[0].redirectHosts[0]',
    ],
    ['a host of stars', { tenants: [{ id: 'a', redirectHosts: ['*'] }] }, 'tenants[0].redirectHosts[0]'],
  ])('refuses %s and says where', (_, input, place) => {
    expect(() => buildDirectory(input as TenantsInput, 'f.json')).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', place: `f.json: ${place}` }),
    );
  });

  test('holds no key, only digests', () => {
    const directory = buildDirectory(TENANTS);
    const principal = directory.principal(TENANTS.tenants[0]!.keys![0]!.key!)!;
    expect(JSON.stringify(principal)).not.toContain('0123456789abcdef');
    expect(principal).toMatchObject({ tenant: 'acme', role: 'ingest' });
  });

  test('reads bearer keys and nothing else', () => {
    expect(bearerKey('Bearer mr_a_12345678')).toBe('mr_a_12345678');
    expect(bearerKey('bearer  mr_a_12345678')).toBe('mr_a_12345678');
    for (const header of [undefined, '', 'Bearer', 'Basic bXI6', 'Bearer a b', `Bearer ${'x'.repeat(300)}`])
      expect(bearerKey(header)).toBeUndefined();
  });
});

test('a port in use is a clear error', async () => {
  const options = {
    handlers: [],
    host: '127.0.0.1',
    port: 0,
    connectionsMax: 10,
    requestTimeoutMs: 1000,
    clock: systemClock,
    onError: () => undefined,
  };
  const first = await listen(options);
  await expect(listen({ ...options, port: first.port })).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    place: `127.0.0.1:${first.port}`,
  });
  await first.drain(100);
});

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
}
