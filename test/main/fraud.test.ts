/** The fraud recipes: each against its own test file, and all of them in a pipeline of which one is a guard. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { checkConfig } from '../../src/cli/check.js';
import { runSuite } from '../../src/cli/test/run-suite.js';
import { readSuite } from '../../src/cli/test/suite.js';
import { loadConfig } from '../../src/config/load.js';
import { startMillrace, type Millrace } from '../../src/millrace.js';
import { until } from './example.js';

const EXAMPLE = 'examples/fraud';
const CONFIG = `${EXAMPLE}/millrace.config.ts`;
const files = readdirSync(EXAMPLE);
const named = (end: string): string[] =>
  files.filter((file) => file.endsWith(end)).map((file) => file.slice(0, -end.length));

describe('recipes', () => {
  test('each has a test', () => {
    expect(named('.yaml')).toEqual(named('.sql'));
    expect(named('.sql')).toHaveLength(9);
  });

  test.each(named('.yaml'))('%s', async (name) => {
    const reports = await runSuite(await readSuite(`${EXAMPLE}/${name}.yaml`));
    expect(reports.flatMap(({ failures }) => failures)).toEqual([]);
    expect(reports.length).toBeGreaterThan(0);
  });

  test('the configuration has no mistakes, and no state that grows for ever', async () => {
    const { errors, plans, guards } = await checkConfig(CONFIG);
    expect(errors.map(({ message }) => message)).toEqual([]);
    expect(guards.map(({ view, streams }) => [view, streams])).toEqual([['hot_ips', ['events']]]);
    expect(plans.map(({ name }) => name).toSorted()).toEqual([...named('.sql'), 'placement_hours'].toSorted());
  });
});

describe('the pipeline', () => {
  const data = mkdtempSync(join(tmpdir(), 'millrace-fraud-'));
  let running: Millrace | undefined;
  const start = async (): Promise<void> => {
    const options = await loadConfig(CONFIG, { data, port: 0 });
    running = await startMillrace({ ...options, messages: { ...options.messages, level: 'silent' } });
  };
  afterAll(async () => {
    await running?.close();
    rmSync(data, { recursive: true, force: true });
  });

  const click = async (ip: string, tenant = 'acme'): Promise<string | null> => {
    const query = new URLSearchParams({ t: tenant, u: 'https://shop.example/', ip, click_id: 'not ours' });
    const answer = await fetch(`${running!.url}/c?${query.toString()}`, { redirect: 'manual' });
    return answer.headers.get('location');
  };
  const ask = async (sql: string): Promise<unknown[][]> => {
    const answer = await fetch(`${running!.url}/v1/query`, {
      method: 'POST',
      body: JSON.stringify({ sql }),
      headers: { authorization: 'Bearer mr_demo_operator', 'content-type': 'application/json' },
    });
    if (answer.status !== 200) throw new Error(await answer.text());
    return ((await answer.json()) as { rows: unknown[][] }).rows;
  };
  const labelled = async (ip: string): Promise<number> => {
    const where = `ip = '${ip}' AND 'hot_ip' = ANY (labels)`;
    return Number((await ask(`SELECT count(*) FROM events WHERE ${where}`))[0]![0]);
  };

  test('labels the clicks of an address with too many of them, and goes on after a restart', async () => {
    await start();
    for (let i = 0; i < 21; i++) expect(await click('9.9.9.9')).toBe('https://shop.example/');
    for (let i = 0; i < 5; i++) await click('9.9.9.8');
    expect(await labelled('9.9.9.9')).toBe(0);
    await until(async () => {
      await click('9.9.9.9');
      return (await labelled('9.9.9.9')) > 0;
    });
    expect(await labelled('9.9.9.8')).toBe(0);
    const clicks = await ask(`SELECT max(clicks) FROM hot_ips WHERE tenant_id = 'acme' AND ip = '9.9.9.9'`);
    expect(Number(clicks[0]![0])).toBeGreaterThan(20);
    await running!.close();
    await start();
    const before = await labelled('9.9.9.9');
    await until(async () => {
      await click('9.9.9.9');
      return (await labelled('9.9.9.9')) > before;
    });
    expect(await labelled('9.9.9.8')).toBe(0);
  });
});
