import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkConfig } from '../../src/cli/check.js';
import { starterFiles } from '../../src/cli/starter.js';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-check-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const VIEW =
  "CREATE MATERIALIZED VIEW clicks AS SELECT tenant_id, window_start, window_end, count(*) AS n FROM TUMBLE(events, event_time, INTERVAL '1 minute') GROUP BY tenant_id, window_start, window_end;";

describe('check', () => {
  test('the example has no mistakes', async () => {
    const { errors, plans, endpoints } = await checkConfig('examples/ad-tracking/millrace.config.ts');
    expect(errors.map(({ message }) => message)).toEqual([]);
    expect(plans.map(({ name }) => name).toSorted()).toEqual(['requests', 'sections', 'traffic']);
    expect(endpoints.map(({ name }) => name)).toEqual(['top_campaigns']);
  });

  test('what init writes has no mistakes', async () => {
    for (const [name, content] of Object.entries(
      starterFiles({ ingest: 'mr_ingest_0123456789', read: 'mr_read_0123456789', operator: 'mr_operator_0123456789' }),
    ))
      write(name, content);
    const { errors, plans } = await checkConfig(join(folder, 'millrace.config.ts'));
    expect(errors.map(({ message }) => message)).toEqual([]);
    expect(plans).toHaveLength(1);
  });

  test('says which events a guard acts on', async () => {
    write(
      'views/clicks.sql',
      VIEW.replace(' AS SELECT tenant_id,', " WITH (guard = 'ip') AS SELECT tenant_id, ip,").replace(
        'GROUP BY tenant_id,',
        'GROUP BY tenant_id, ip,',
      ),
    );
    const config = { streams: { events: { schema: 'ad-events' } }, views: './views/*.sql' };
    const { guards, errors } = await checkConfig(write('c.json', JSON.stringify(config)));
    expect(errors).toEqual([]);
    expect(guards).toEqual([
      {
        view: 'clicks',
        guard: { columns: ['ip'], action: 'label', label: 'clicks', url: null, forMs: 600_000 },
        streams: ['events'],
      },
    ]);
  });

  test('says what the environment lacks of an alert', async () => {
    write('views/clicks.sql', VIEW.replace(' AS SELECT', " WITH (alert = 'env:NO_SUCH_HOOK') AS SELECT"));
    const config = { streams: { events: { schema: 'ad-events' } }, views: './views/*.sql' };
    const { errors } = await checkConfig(write('c.json', JSON.stringify(config)));
    expect(errors.map(({ message }) => message)).toEqual([
      'view clicks: expected the environment to have NO_SUCH_HOOK',
    ]);
  });

  test('endpoints are checked against streams and views', async () => {
    write('views/clicks.sql', VIEW);
    write('endpoints/good.sql', '-- @param least bigint = 0\nSELECT n FROM clicks WHERE n >= :least');
    write('endpoints/history.sql', 'SELECT op, n FROM "view.clicks"');
    write('endpoints/bad.sql', 'SELECT m\nFROM clicks');
    write('endpoints/other.sql', 'SELECT 1 FROM klicks');
    const config = { streams: { events: { schema: 'ad-events' } }, views: './views/*.sql', endpoints: './endpoints/*' };
    const file = write('c.json', JSON.stringify(config));
    const { errors, endpoints } = await checkConfig(file);
    expect(endpoints.map(({ name }) => name)).toEqual(['good', 'history']);
    expect(errors.map(({ code, place }) => [code, place])).toEqual([
      ['SQL_UNKNOWN_COLUMN', `${join(folder, 'endpoints/bad.sql')}:1:8`],
      ['SQL_UNKNOWN_RELATION', `${join(folder, 'endpoints/other.sql')}:1:15`],
    ]);
    write('endpoints/Wrong-Name.sql', 'SELECT 1');
    expect((await checkConfig(file)).errors.map(({ code, message }) => [code, message])).toEqual([
      ['CONFIG_INVALID', expect.stringContaining('Wrong-Name.sql: expected a file named by')],
    ]);
    write('c.json', JSON.stringify({ ...config, endpoints: ['./endpoints/good.sql', './gone/*.sql'] }));
    expect((await checkConfig(file)).errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('endpoints[1]: expected SQL files at'),
    ]);
  });

  test('every mistake is found, in the configuration and in each view', async () => {
    write('views/good.sql', VIEW);
    write('views/twice.sql', VIEW);
    write('views/syntax.sql', 'CREATE MATERIALIZED VIEW a AS SELECT FROM WHERE;');
    write('views/column.sql', VIEW.replace('clicks', 'b').replace('count(*)', 'sum(prize)'));
    const file = write(
      'c.json',
      JSON.stringify({
        streams: { events: { schema: 'ad-events' } },
        views: './views/*.sql',
        pages: [{ path: '/demo', file: './gone.html' }],
      }),
    );
    const { errors, plans } = await checkConfig(file);
    expect(errors.map(({ code }) => code)).toEqual([
      'CONFIG_NOT_FOUND',
      'SQL_SYNTAX',
      'SQL_UNKNOWN_COLUMN',
      'CONFIG_INVALID',
    ]);
    expect(errors[0]!.message).toContain('page /demo: expected a file at');
    expect(errors[1]!.message).toContain(join(folder, 'views/syntax.sql'));
    expect(errors[1]!.message).toMatch(/\n +\^/);
    expect(errors[2]!.message).toContain('prize');
    expect(errors[2]!.message).toMatch(/\n +\^/);
    expect(errors[3]!.message).toContain("twice.sql: 'clicks' is the name of another view or stream already");
    expect(plans.map(({ name }) => name)).toContain('clicks');
  });

  test('a broken configuration is one mistake with its place', async () => {
    const { errors, options } = await checkConfig(write('c.json', '{"streams": {}}'));
    expect(options).toBeUndefined();
    expect(errors.map(({ code }) => code)).toEqual(['CONFIG_INVALID']);
  });
});
