/**
 * The main job on its real input: `npm start`'s own command sends the access log through the front
 * door while live clicks come in; every view, the lake and the audit are compared with a recount of
 * the raw text. A second start sends nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realDisk } from '../../src/io/disk-real.js';
import { openCatalog } from '../../src/lake/catalog.js';
import { ask, audit, startExample, until, type Example } from './example.js';
import { groupBy, readLines, type LogLine } from './recount.js';

const folder = mkdtempSync(join(tmpdir(), 'millrace-main-'));
const lines = readLines('examples/ad-tracking/access.log.gz');
let example: Example;

beforeAll(async () => {
  example = await startExample(join(folder, 'data'));
  const click = { event_type: 'click', event_time: Date.now(), campaign_id: 'live' };
  for (let i = 0; i < 5; i++) {
    const answer = await fetch(`${example.url}/v1/events`, {
      method: 'POST',
      body: JSON.stringify(click),
      headers: { authorization: 'Bearer mr_demo_acme_ingest' },
    });
    expect(await answer.json()).toMatchObject({ accepted: 1 });
  }
  await until(
    async () => Number((await ask(example, 'SELECT coalesce(sum(requests), 0) FROM requests'))[0]![0]) === 10_000,
  );
  await until(
    async () => Number((await ask(example, 'SELECT coalesce(sum(requests), 0) FROM sections'))[0]![0]) === 10_000,
  );
}, 120_000);

afterAll(async () => {
  await example?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('the raw text is what it is said to be', () => {
  expect(lines).toHaveLength(10_000);
  expect(lines.filter((line, i) => lines.slice(0, i).some((before) => before.ms > line.ms)).length).toBe(9_448);
});

test('the saved endpoint answers each key with its own rows, and from memory the second time', async () => {
  const get = (query: string, key: string) =>
    fetch(`${example.url}/v1/endpoints/top_campaigns${query}`, { headers: { authorization: `Bearer ${key}` } });
  const answer = await get('?format=csv&campaigns=live', 'mr_demo_acme_read');
  const text = await answer.text();
  expect(text).toMatch(/^campaign_id,impressions,clicks,conversions,cost,revenue\r\nlive,0,5,0,/);
  const again = await get('?campaigns=live&format=csv', 'mr_demo_acme_read');
  expect([again.headers.get('x-millrace-cache'), await again.text()]).toEqual(['hit', text]);
  const other = await get('', 'mr_demo_bolt_read');
  expect(((await other.json()) as { rows: unknown[] }).rows).toEqual([]);
});

test('every request is there once, as it was', async () => {
  const rows = await ask(
    example,
    'SELECT id, extract(epoch FROM event_time) * 1000, ip, path, status, bytes, user_agent FROM web_log',
  );
  expect(rows).toHaveLength(10_000);
  const byId = new Map(rows.map((row) => [row[0], row]));
  for (const line of lines) {
    const [, ms, ip, path, status, bytes, agent] = byId.get(`access-log:${line.number}`)!;
    expect([Number(ms), ip, path, Number(status), bytes === null ? null : Number(bytes)]).toEqual([
      line.ms,
      line.ip,
      line.path,
      line.status,
      line.bytes,
    ]);
    expect(agent === null || agent === '' ? '-' : agent).toBe(line.agent === '' ? '-' : line.agent);
  }
});

test('requests by minute and status equal the recount', async () => {
  const rows = await ask(
    example,
    'SELECT extract(epoch FROM window_start) * 1000, status, requests, bytes, addresses FROM requests',
  );
  const found = new Map(
    rows.map(([start, status, ...measures]) => [
      `${Number(start)} ${status}`,
      measures.map((value) => (value === null ? null : Number(value))),
    ]),
  );
  const groups = groupBy(lines, (line) => `${Math.floor(line.ms / 60_000) * 60_000} ${line.status}`);
  expect(found).toEqual(
    new Map(
      [...groups].map(([key, group]) => [key, [group.length, sum(group), new Set(group.map((line) => line.ip)).size]]),
    ),
  );
});

test('sections by hour equal the recount', async () => {
  const rows = await ask(
    example,
    'SELECT extract(epoch FROM window_start) * 1000, section, requests, errors, named_bots, addresses FROM sections',
  );
  const groups = groupBy(
    lines,
    (line) => `${Math.floor(line.ms / 3_600_000) * 3_600_000} /${line.path.split('?')[0]!.split('/')[1] ?? ''}`,
  );
  expect(rows.length).toBe(groups.size);
  for (const [start, section, requests, errors, bots, addresses] of rows) {
    const group = groups.get(`${Number(start)} ${String(section)}`)!;
    expect([Number(requests), Number(errors), Number(bots)]).toEqual([
      group.length,
      group.filter((line) => line.status >= 400).length,
      group.filter((line) => /bot|spider/i.test(line.agent)).length,
    ]);
    const exact = new Set(group.map((line) => line.ip)).size;
    expect(Math.abs(Number(addresses) - exact)).toBeLessThanOrEqual(Math.max(1, exact * 0.05));
  }
});

test('live clicks during the load make none of it late', async () => {
  expect(await ask(example, "SELECT count(*) FROM late WHERE stream = 'web_log'")).toEqual([[0]]);
  expect(Number((await ask(example, "SELECT count(*) FROM events WHERE campaign_id = 'live'"))[0]![0])).toBe(5);
});

test('bots are labelled, not dropped', async () => {
  const [[labelled]] = (await ask(example, "SELECT count(*) FROM web_log WHERE 'bot' = ANY(labels)")) as [[number]];
  const named = lines.filter((line) => /googlebot|bingbot|yandexbot|baiduspider/i.test(line.agent)).length;
  expect(Number(labelled)).toBeGreaterThanOrEqual(named);
  expect(Number(labelled)).toBeLessThan(10_000);
});

test('the audit closes at exactly 10,000, and so it does after a second start, which sends nothing', async () => {
  expect(await audit(example)).toMatchObject({ received: 10_000, quarantined: 0, duplicates: 0 });
  await example.stop();
  const snapshot = openCatalog(realDisk, join(folder, 'data', 'lake')).snapshot('web_log');
  const before = snapshot?.files.reduce((rows, file) => rows + file.rows, 0) ?? 0;
  example = await startExample(join(folder, 'data'));
  expect(example.said()).toContain('nothing is sent twice');
  const { received, delivered, pending } = await audit(example);
  expect({ received, all: delivered + pending }).toEqual({ received: 10_000, all: 10_000 });
  expect(delivered).toBeGreaterThanOrEqual(before);
  expect(await ask(example, 'SELECT sum(requests) FROM requests')).toEqual([['10000']]);
}, 120_000);

function sum(group: readonly LogLine[]): number | null {
  const known = group.filter((line) => line.bytes !== null);
  return known.length === 0 ? null : known.reduce((total, line) => total + line.bytes!, 0);
}
