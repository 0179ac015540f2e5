import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from './missing.js';
import { startOpenSearch, type OpenSearch } from './opensearch.js';

describeWith(['opensearch'], 'OpenSearch', () => {
  let engine: OpenSearch;
  beforeAll(async () => {
    engine = await startOpenSearch({ settings: { 'thread_pool.write.queue_size': 7 } });
  });
  afterAll(() => engine?.stop());

  async function ask(method: string, where: string, body?: string): Promise<Record<string, unknown>> {
    const headers = { 'content-type': where.startsWith('_bulk') ? 'application/x-ndjson' : 'application/json' };
    const answer = await fetch(`${engine.url}/${where}`, { method, headers, ...(body === undefined ? {} : { body }) });
    return { status: answer.status, ...((await answer.json()) as object) };
  }

  test('is the pinned version, with the settings asked for', async () => {
    expect(await ask('GET', '')).toMatchObject({ version: { distribution: 'opensearch', number: '2.19.1' } });
    const nodes = JSON.stringify(await ask('GET', '_nodes/settings?flat_settings'));
    expect(nodes).toContain('"thread_pool.write.queue_size":"7"');
  });

  test('keeps what it acknowledged over kill -9, and a resend by id counts once', async () => {
    const lines = Array.from({ length: 100 }, (_, i) => `{"index":{"_index":"events","_id":"e${i}"}}\n{"n":${i}}\n`);
    expect(await ask('POST', '_bulk', lines.join(''))).toMatchObject({ status: 200, errors: false });
    await engine.kill();
    await expect(fetch(engine.url)).rejects.toThrow();
    await engine.restart();
    expect(await ask('POST', '_bulk?refresh=true', lines.slice(0, 50).join(''))).toMatchObject({ errors: false });
    expect(await ask('GET', 'events/_count')).toMatchObject({ count: 100 });
  });

  test('a mapping error fails its item alone', async () => {
    const good = '{"index":{"_index":"events","_id":"good"}}\n{"n":1}\n';
    const bad = '{"index":{"_index":"events","_id":"bad"}}\n{"n":"text"}\n';
    expect(await ask('POST', '_bulk', good + bad)).toMatchObject({
      errors: true,
      items: [{ index: { status: 201 } }, { index: { status: 400, error: { type: 'mapper_parsing_exception' } } }],
    });
  });
});
