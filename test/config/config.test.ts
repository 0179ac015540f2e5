import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findConfig, loadConfig } from '../../src/config/load.js';
import { parseConfig } from '../../src/config/parse.js';
import { hashKey } from '../../src/config/tenants.js';
import { MillraceError } from '../../src/util/errors.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const minimal = { streams: { events: { schema: 'ad-events' } } };

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

function refusal(input: unknown, overrides = {}): MillraceError {
  try {
    parseConfig(input, { file: '/app/millrace.config.ts', folder: '/app' }, overrides);
  } catch (error) {
    if (error instanceof MillraceError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

async function refusalOf(file: string): Promise<MillraceError> {
  const error: unknown = await loadConfig(file).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof MillraceError)) throw new Error(`expected a MillraceError, got ${String(error)}`);
  return error;
}

describe('defaults and units', () => {
  test('a minimal configuration is complete', () => {
    const options = parseConfig(minimal, { folder: '/app' });
    expect(options.dataFolder).toBe('/app/data');
    expect(options.http).toMatchObject({ host: '127.0.0.1', port: 7070, bodyBytesMax: 8 * 1024 ** 2, drainMs: 10_000 });
    expect(options.streams[0]).toMatchObject({
      name: 'events',
      partitions: 1,
      clock: 'arrival',
      retentionMs: 7 * 86_400_000,
      policy: 'refuse',
    });
    expect(options.streams[0]!.schema.columns.map(({ name }) => name)).toContain('received_at');
    expect(options.collect.dedupe).toEqual({ windowMs: 86_400_000, idsMax: 200_000_000 });
    expect(() => structuredClone(options)).not.toThrow();
  });

  test('the command line is put over the file, and its data folder is relative to where it runs', () => {
    const options = parseConfig(
      { ...minimal, samples: [] },
      { folder: '/app' },
      { port: 0, data: 'elsewhere', samples: false },
    );
    expect(options.http.port).toBe(0);
    expect(options.dataFolder).toBe(join(process.cwd(), 'elsewhere'));
  });

  test('durations and sizes have units', () => {
    const options = parseConfig(
      { ...minimal, lake: { run: '90 s' }, log: { segmentSize: '1.5 MiB' } },
      { folder: '/app' },
    );
    expect(options.lake.runMs).toBe(90_000);
    expect(options.log.segmentBytes).toBe(1_572_864);
  });
});

describe('mistakes', () => {
  test.each([
    [
      'a bare number for a duration',
      { ...minimal, lake: { run: 10 } },
      "lake.run: expected a duration such as '250 ms', '90 s', '10 min', '24 h' or '7 d', found 10",
    ],
    [
      'an unknown unit',
      { ...minimal, log: { segmentSize: '10 megs' } },
      "log.segmentSize: expected a size such as '512 KiB', '64 MiB', '20 GiB' or '1 TB', found \"10 megs\"",
    ],
    ['a size out of bounds', { ...minimal, log: { segmentSize: '1 KiB' } }, 'from 64 KiB to 4 GiB, found "1 KiB"'],
    ['a misspelled key', { ...minimal, http: { prot: 1 } }, "http.prot: is not known; did you mean 'port'?"],
    [
      'a key that is nowhere near',
      { ...minimal, http: { zzzzzz: 1 } },
      'http.zzzzzz: is not known; expected one of host, port,',
    ],
    [
      'a misspelled key of a stream',
      { streams: { events: { schema: 'ad-events', partition: 4 } } },
      "streams.events.partition: is not known; did you mean 'partitions'?",
    ],
    ['no streams', { streams: {} }, 'streams: expected at least one stream'],
    ['streams missing', {}, 'streams: expected an object { … }, found nothing'],
    [
      'a bad name of a stream',
      { streams: { 'My Stream': { schema: 'ad-events' } } },
      'streams.My Stream: expected a name of lower case letters',
    ],
    [
      'a bad schema',
      { streams: { events: { schema: 7 } } },
      'streams.events.schema: expected adEvents(), defineSchema({ … })',
    ],
    [
      'a bad column type',
      { streams: { events: { schema: { columns: { a: 'text' } } } } },
      "streams.events.schema.columns.a: 'text' is not a column type; expected one of uuid",
    ],
    [
      'too many partitions',
      { streams: { events: { schema: 'ad-events', partitions: 1000 } } },
      'streams.events.partitions: expected a whole number from 1 to 64, found 1000',
    ],
    [
      'a key both hashed and in clear',
      { ...minimal, operators: [{ key: 'k'.repeat(20), hash: hashKey('x') }] },
      'operators[0]: expected either hash or key',
    ],
    [
      'a bad hash',
      { ...minimal, tenants: [{ id: 'a', keys: [{ hash: 'abc' }] }] },
      "tenants[0].keys[0].hash: expected the key's SHA-256, 64 hexadecimal digits",
    ],
    [
      'a stream that is not there',
      { ...minimal, collect: { defaultStream: 'clicks' } },
      "collect.defaultStream: expected a stream: events, found 'clicks'",
    ],
    [
      'a sample without its stream',
      { ...minimal, samples: [{ name: 'a', file: 'a.gz', format: 'combined', stream: 'web', tenant: 'a' }] },
      "samples[0].stream: expected a stream: events, found 'web'",
    ],
  ])('%s', (_name, input, expected) => {
    const error = refusal(input);
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('/app/millrace.config.ts: ');
    expect(error.message).toContain(expected);
  });

  test('all mistakes are listed, one a line', () => {
    const error = refusal({ ...minimal, http: { port: -1, hots: 'x' }, lake: { run: '5' } });
    expect(error.message.split('\n')).toHaveLength(3);
  });

  test('the same tenant twice', () => {
    expect(refusal({ ...minimal, tenants: [{ id: 'a' }, { id: 'a' }] }).message).toContain("'a' is there twice");
  });
});

describe('demo keys', () => {
  const demo = { ...minimal, tenants: [{ id: 'acme', keys: [{ key: 'mr_demo_acme_ingest' }] }] };

  test('are known by their hash and listed for the start message', () => {
    expect(parseConfig(demo, { folder: '/app' }).tenants.demoKeys).toEqual([
      { key: 'mr_demo_acme_ingest', role: 'ingest', tenant: 'acme' },
    ]);
  });

  test.each(['0.0.0.0', '::', '192.168.1.10', 'example.com'])('are refused when listening at %j', (host) => {
    const error = refusal({ ...demo, http: { host } });
    expect(error.code).toBe('DEMO_KEYS_EXPOSED');
    expect(error.message).toContain('Expected host 127.0.0.1');
  });

  test('are refused also when the host comes from the command line, or the keys from the tenants file', () => {
    expect(refusal(demo, { host: '0.0.0.0' }).code).toBe('DEMO_KEYS_EXPOSED');
    const tenantsFile = write('tenants.json', JSON.stringify({ tenants: demo.tenants }));
    expect(refusal({ ...minimal, tenantsFile, http: { host: '0.0.0.0' } }).code).toBe('DEMO_KEYS_EXPOSED');
  });

  test('hashed keys may listen anywhere', () => {
    const hashed = {
      ...minimal,
      http: { host: '0.0.0.0' },
      tenants: [{ id: 'acme', keys: [{ hash: hashKey('mr_demo_acme_ingest') }] }],
    };
    expect(parseConfig(hashed, { folder: '/app' }).http.host).toBe('0.0.0.0');
  });

  test.each(['127.0.0.1', '127.1.2.3', 'localhost', '::1'])('%s is this machine', (host) => {
    expect(parseConfig({ ...demo, http: { host } }, { folder: '/app' }).http.host).toBe(host);
  });
});

describe('files', () => {
  test('a .ts file with a relative import, its own url and the package', async () => {
    write(
      'tenants.ts',
      "export const tenants: { id: string }[] = [{ id: new URL('.', import.meta.url).pathname.split('/').at(-2)! }];",
    );
    const file = write(
      'millrace.config.ts',
      "import { adEvents, defineConfig } from 'millrace';\nimport { readFileSync } from 'node:fs';\nimport { tenants } from './tenants.js';\n" +
        "export default defineConfig({ streams: { events: { schema: adEvents() } }, tenants, views: { sql: '' } === null ? [] : [{ sql: readFileSync(new URL('./v.txt', import.meta.url), 'utf8') }] });",
    );
    write('v.txt', 'SELECT 1');
    const options = await loadConfig(file);
    expect(options.tenants.inline.tenants[0]!.id).toBe(folder.split('/').at(-1));
    expect(options.views).toEqual([{ file: 'views[0].sql', text: 'SELECT 1' }]);
    expect(options.folder).toBe(folder);
  });

  test('.json and .yaml, with a pattern of views in the order of their names', async () => {
    write('views/b.sql', 'B');
    write('views/a.sql', 'A');
    write('views/readme.md', 'no');
    const json = write('c.json', JSON.stringify({ ...minimal, views: './views/*.sql' }));
    const yaml = write('c.yaml', 'streams:\n  events:\n    schema: ad-events\nviews: [./views/a.sql]\n');
    expect((await loadConfig(json)).views.map(({ text }) => text)).toEqual(['A', 'B']);
    expect((await loadConfig(yaml)).views).toEqual([{ file: join(folder, 'views/a.sql'), text: 'A' }]);
  });

  test.each([
    ['broken.ts', 'export default {\n  streams: {,}\n};', 'CONFIG_INVALID', ':2:'],
    ['throws.ts', "throw new Error('no luck');", 'CONFIG_INVALID', 'running it failed: no luck'],
    ['none.ts', 'export const a = 1;', 'CONFIG_INVALID', 'found no default export'],
    ['missing-import.ts', "import './nowhere.js';\nexport default {};", 'CONFIG_INVALID', './nowhere.js'],
    ['bad.json', '{ "streams": ', 'CONFIG_INVALID', 'expected JSON'],
    ['bad.yaml', 'streams:\n  a: [1\n', 'CONFIG_INVALID', 'expected YAML'],
    ['config.toml', '', 'CONFIG_INVALID', 'expected a file that ends in .ts'],
    [
      'schema.ts',
      "import { defineSchema } from 'millrace';\nexport default { streams: { e: { schema: defineSchema({ columns: { A: 'string' } }) } } };",
      'CONFIG_INVALID',
      "columns.A: 'A' is not a column name",
    ],
  ])('%s is explained', async (name, text, code, expected) => {
    const file = write(name, text);
    const error = await refusalOf(file);
    expect(error.code).toBe(code);
    expect(error.message).toContain(file);
    expect(error.message).toContain(expected);
  });

  test('a file that is not there, and a pattern without files', async () => {
    expect((await refusalOf(join(folder, 'nope.ts'))).message).toContain('millrace init');
    const file = write('c.json', JSON.stringify({ ...minimal, views: './views/*.sql' }));
    expect((await refusalOf(file)).message).toContain('expected SQL files');
    expect(() => findConfig(undefined, join(folder, 'x'))).toThrow('millrace init');
    expect(findConfig(undefined, write('a/millrace.config.yaml', '').replace('/millrace.config.yaml', ''))).toContain(
      'millrace.config.yaml',
    );
  });
});
