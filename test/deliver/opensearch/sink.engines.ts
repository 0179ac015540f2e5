import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createSink } from '../../../src/deliver/sinks/index.js';
import type { Sink } from '../../../src/deliver/sink.js';
import { batchFromRows } from '../../../src/event/rows.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import { REDRIVE_SCHEMA, REDRIVE_STREAM } from '../../../src/event/internal.js';
import { systemClock, type Clock } from '../../../src/io/clock.js';
import { describeWith } from '../../engines/missing.js';
import { startOpenSearch, type OpenSearch } from '../../engines/opensearch.js';
import { Bench, deliveryOptions, removeFolders, SCHEMA, sinkContext, someRows, until } from '../support.js';
import { Cluster, settings } from './engine.js';
import { startWitness } from './witness.js';

const MIDNIGHT = Date.parse('2027-01-01T00:00:00Z');

/** The machine's pauses, and a wall clock that the test turns. */
class TurnedClock implements Clock {
  wallMs = MIDNIGHT - 60_000;

  now(): number {
    return this.wallMs;
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(delayMs: number, run: () => void): () => void {
    return systemClock.after(delayMs, run);
  }
}

describeWith(['opensearch'], 'documents in OpenSearch', () => {
  let engine: OpenSearch;
  let cluster: Cluster;
  let bench: Bench;
  let index = '';
  let places = 0;

  beforeAll(async () => {
    engine = await startOpenSearch();
    cluster = new Cluster(engine);
  });
  afterAll(() => engine?.stop());
  beforeEach(() => {
    index = `events-${places++}`;
  });
  afterEach(async () => {
    await bench.close();
    removeFolders();
    await cluster.ask('PUT', '_cluster/settings', {
      persistent: { 'action.auto_create_index': null, 'cluster.max_shards_per_node': null },
    });
    await cluster.ask('DELETE', `${index}*`);
  });

  type Settings = Parameters<typeof settings>[1];
  const make = (rest: Settings = {}, context: Parameters<typeof sinkContext>[0] = {}): Sink =>
    createSink(settings(engine.url, { index, ...rest }), sinkContext(context));
  const count = async (): Promise<number> => {
    await cluster.ask('POST', `${index}*/_refresh`);
    return Number((await cluster.ask('GET', `${index}*/_count`))['count'] ?? 0);
  };

  test('killed and restarted under load, every event is there once', async () => {
    const witness = await startWitness(engine.url);
    bench = await new Bench({ partitions: 2 }).open();
    const { stage } = await bench.start(
      make({ url: witness.url, requestRowsMax: 100, timeout: '5 s' }),
      deliveryOptions({ bufferRowsMax: 500, requestsMax: 4 }),
    );
    const total = 6_000;
    const load = (async () => {
      for (let at = 0; at < total; at += 100) {
        await bench.append(someRows(100, 'e', at));
        await new Promise((resolve) => setTimeout(resolve, 40));
      }
    })();
    // Once at any moment, and once when documents are durable and nobody has been told.
    const kills = [() => engine.kill(), () => witness.loseNext(() => engine.kill())];
    for (const kill of kills) {
      const delivered = stage.status().totals.ok;
      await until('rows to arrive', () => stage.status().totals.ok > delivered + 500, 60_000);
      await kill();
      await engine.restart();
    }
    await load;
    await bench.drained();
    const documents = await cluster.documents(index);
    expect(documents).toHaveLength(total);
    expect(new Set(documents.map(({ source }) => source['id'])).size).toBe(total);
    expect(stage.status().failures).toBeGreaterThan(0);
    expect(bench.edges()).toMatchObject({ read: total, ok: total });
    expect(bench.rows('quarantine')).toEqual([]);
    await witness.close();
  });

  test('what does not fit the mapping goes to the quarantine with the reason, the others arrive', async () => {
    bench = await new Bench().open();
    const bad = [
      { props: 'no object', says: /props/ },
      { props: [1, 2], says: /props/ },
      { count: 70_000, says: /out of range/ },
      { kind: 'other', note: 'new', says: /note.*(type|parse)/s },
    ];
    const rows = someRows(50).map((row, n) => {
      const { says: _says, ...fields } = bad[n / 10] ?? { says: null };
      return { ...row, note: null, ...fields };
    });
    const sink = make({
      template: { mappings: { properties: { count: { type: 'short' }, note: { type: 'long' } } } },
    });
    await bench.append(rows);
    await bench.start(sink);
    await bench.drained();
    const arrived = (await cluster.documents(index)).map(({ source }) => source['id']);
    const failing = bad.map((_, n) => `e-${n * 10}`);
    expect(arrived.toSorted()).toEqual(
      rows
        .map(({ id }) => id)
        .filter((id) => !failing.includes(id))
        .toSorted(),
    );
    const quarantined = bench.rows('quarantine');
    expect(quarantined.map((row) => row['event_id'])).toEqual(failing);
    bad.forEach(({ says }, n) => expect(String(quarantined[n]!['message'])).toMatch(says));
    expect(quarantined.every(({ code }) => code === 'DELIVERY_REFUSED')).toBe(true);
    expect(bench.edges()).toMatchObject({ read: 50, ok: 46, 'quarantined DELIVERY_REFUSED': 4 });
  });

  test('a resend after midnight finds the index of the day on which the log took the row', async () => {
    const clock = new TurnedClock();
    bench = await new Bench({ clock }).open();
    const inner = make();
    let lost = true;
    const sink: Sink = {
      requestsMax: 1,
      open: (signal) => inner.open(signal),
      requests: (rows) => inner.requests(rows),
      close: () => inner.close(),
      async send(request, receipt, signal) {
        await inner.send(request, receipt, signal);
        if (!lost) return;
        // The rows are there, and nobody knows it.
        receipt.marks.fill(0);
        throw new Error('the answer got lost');
      },
    };
    await bench.append(someRows(5));
    await bench.start(sink, deliveryOptions({ retry: { minMs: 60_000, maxMs: 60_000, deadlineMs: null } }));
    await until('the first attempt', async () => (await cluster.documents(index)).length === 5);
    clock.wallMs = MIDNIGHT + 3_600_000;
    lost = false;
    await bench.restart();
    await bench.append(someRows(3, 'f'));
    await bench.start(sink);
    await bench.drained();
    const places = (await cluster.documents(index)).map((found) => [found.source['id'], found.index]);
    expect(places.toSorted()).toEqual([
      ...someRows(5).map(({ id }) => [id, `${index}-2026-12-31`]),
      ...someRows(3, 'f').map(({ id }) => [id, `${index}-2027-01-01`]),
    ]);
  });

  test('a redriven row finds the index of its first stamp', async () => {
    bench = await new Bench().open();
    await bench.start(make());
    const original = JSON.stringify({ ...someRows(1)[0]!, received_at: MIDNIGHT - 1 });
    const redriven = {
      tenant: 'acme',
      stage: 'deliver',
      reader: 'out',
      stream: 'events',
      attempts: 1,
      quarantine_offset: 0,
    };
    const rows = batchFromRows(REDRIVE_SCHEMA, [{ ...redriven, original: Buffer.from(original).toString('base64') }]);
    await bench.log.append({ batches: [{ stream: REDRIVE_STREAM, rows }] });
    await bench.drained();
    expect((await cluster.documents(index)).map((found) => [found.index, found.id])).toEqual([
      [`${index}-2026-12-31`, 'acme~e-0'],
    ]);
  });

  test('the template gives each column its field, and decimals are numbers', async () => {
    bench = await new Bench().open();
    await bench.append(someRows(30).map((row) => ({ ...row, cost: '0.100001' })));
    await bench.start(
      make({
        rotation: 'OneMonth',
        template: {
          settings: { number_of_shards: 2 },
          mappings: { dynamic: 'strict', properties: { kind: { type: 'text' } } },
        },
      }),
    );
    await bench.drained();
    const [{ index: name }] = (await cluster.documents(index)) as unknown as [{ index: string }];
    const there = (await cluster.ask('GET', name))[name] as {
      mappings: { dynamic: string; properties: Record<string, { type: string }> };
      settings: { index: { number_of_shards: string } };
    };
    const types = Object.entries(there.mappings.properties).map(([column, { type }]) => [column, type]);
    expect(Object.fromEntries(types)).toEqual({
      id: 'keyword',
      tenant: 'keyword',
      at: 'date',
      kind: 'text',
      cost: 'scaled_float',
      count: 'long',
      note: 'text',
      labels: 'keyword',
      props: 'flat_object',
      received_at: 'date',
    });
    expect(there.mappings.dynamic).toBe('strict');
    expect(there.settings.index.number_of_shards).toBe('2');
    const found = (await cluster.ask('POST', `${name}/_search`, {
      size: 0,
      query: {
        bool: {
          filter: [
            { term: { 'props.n': '7' } },
            { range: { at: { gte: 1_700_000_000_007, lte: 1_700_000_000_007 } } },
            { term: { cost: '0.100001' } },
          ],
        },
      },
      aggs: { cost: { sum: { field: 'cost' } }, notes: { terms: { field: 'note.keyword' } } },
    })) as unknown as {
      hits: { total: { value: number } };
      aggregations: { cost: { value: number }; notes: { buckets: object[] } };
    };
    expect(found.hits.total.value).toBe(1);
    expect(found.aggregations.cost.value).toBeCloseTo(0.100001, 15);
    expect(found.aggregations.notes.buckets).toHaveLength(1);
  });

  test('setting up twice changes nothing, and a new column gets its field in the index that is there', async () => {
    bench = await new Bench().open();
    await bench.append(someRows(2));
    await bench.start(make({ rotation: 'NoRotation' }));
    await bench.drained();
    const wider = defineSchema({
      columns: {
        id: 'string',
        tenant: 'dictionary',
        at: 'timestamp',
        kind: 'dictionary?',
        cost: 'decimal?',
        count: 'int64?',
        note: 'string?',
        labels: 'list?',
        props: 'json?',
        revenue: 'decimal?',
      },
      tenant: 'tenant',
      eventId: 'id',
      eventTime: 'at',
    });
    for (let n = 0; n < 2; n++) {
      const sink = make({ rotation: 'NoRotation' }, { schema: wider });
      await sink.open(new AbortController().signal);
      await sink.close();
    }
    const there = (await cluster.ask('GET', `${index}/_mapping`))[index] as {
      mappings: { properties: Record<string, { type: string }> };
    };
    expect(there.mappings.properties['revenue']!.type).toBe('scaled_float');
    expect(await count()).toBe(2);
    expect(SCHEMA.columns.map(({ name }) => name)).not.toContain('revenue');
  });

  test('hostile ids: as many documents as events', async () => {
    bench = await new Bench().open();
    const ids = [
      '"',
      '\\',
      '\n',
      '\u0000',
      '\u2028',
      '_x',
      ' ',
      '.',
      '..',
      '*',
      '{"index":{}}',
      'é',
      '😀',
      'x'.repeat(512),
      'x'.repeat(600),
      '\uFEFFa',
      'a',
      '%2F',
      '/',
      '#',
    ];
    const rows = ids.flatMap((id) => ['acme', 'bolt'].map((tenant) => ({ ...someRows(1)[0]!, id, tenant })));
    await bench.append(rows);
    await bench.append(rows);
    await bench.start(make());
    await bench.drained();
    expect(await count()).toBe(rows.length);
    expect(bench.rows('quarantine')).toEqual([]);
  });

  test('streams without ids: each row once, over a restart too', async () => {
    const schema = defineSchema({ columns: { n: 'int64' } });
    bench = await new Bench({ schema, partitions: 1 }).open();
    const inner = make({}, { schema });
    let lost = true;
    const sink: Sink = {
      requestsMax: 1,
      open: (signal) => inner.open(signal),
      requests: (rows) => inner.requests(rows),
      close: () => inner.close(),
      async send(request, receipt, signal) {
        await inner.send(request, receipt, signal);
        if (!lost) return;
        lost = false;
        receipt.marks.fill(0);
        throw new Error('the answer got lost');
      },
    };
    await bench.append(
      Array.from({ length: 20 }, (_, n) => ({ id: '', tenant: '', n })).map(({ n }) => ({ n }) as never),
    );
    await bench.start(sink);
    await bench.drained();
    expect(await count()).toBe(20);
  });

  const faults: [string, (name: string) => Promise<unknown>, (name: string) => Promise<unknown>, RegExp][] = [
    [
      'no index, and none may be made',
      () => cluster.ask('PUT', '_cluster/settings', { persistent: { 'action.auto_create_index': 'false' } }),
      (name) => cluster.ask('PUT', name),
      /404 index_not_found_exception: no such index/,
    ],
    [
      'a closed index',
      async (name) => {
        await cluster.ask('PUT', name);
        await cluster.ask('POST', `${name}/_close`);
      },
      (name) => cluster.ask('POST', `${name}/_open`),
      /index_closed_exception/,
    ],
    [
      'a disk that is full',
      async (name) => {
        await cluster.ask('PUT', name);
        await cluster.ask('PUT', `${name}/_settings`, { 'index.blocks.read_only_allow_delete': true });
      },
      (name) => cluster.ask('PUT', `${name}/_settings`, { 'index.blocks.read_only_allow_delete': null }),
      /cluster_block_exception/,
    ],
    [
      'no shards left for another index',
      () => cluster.ask('PUT', '_cluster/settings', { persistent: { 'cluster.max_shards_per_node': 1 } }),
      () => cluster.ask('PUT', '_cluster/settings', { persistent: { 'cluster.max_shards_per_node': 1000 } }),
      /shards open/,
    ],
  ];
  test.each(faults)(
    '%s: the rows wait, the delivery says why, and then they arrive',
    async (_name, begin, end, says) => {
      const clock = new TurnedClock();
      const name = `${index}-2026-12-31`;
      bench = await new Bench({ clock }).open();
      await bench.append(someRows(4));
      // Something must be there for a bound on shards to bite.
      await cluster.ask('PUT', 'other-0', { settings: { number_of_shards: 2 } });
      await begin(name);
      const { stage } = await bench.start(
        make(),
        deliveryOptions({ retry: { minMs: 20, maxMs: 200, deadlineMs: null } }),
      );
      await until('the reason', () => stage.status().errors.some(({ message }) => says.test(message)));
      expect(bench.rows('quarantine')).toEqual([]);
      await end(name);
      await bench.drained();
      expect(await count()).toBe(4);
      expect(bench.rows('quarantine')).toEqual([]);
      expect(bench.edges()).toMatchObject({ read: 4, ok: 4 });
      await cluster.ask('DELETE', 'other-0');
    },
  );
});
