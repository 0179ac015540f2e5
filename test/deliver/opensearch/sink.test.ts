import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { opensearchSinkField } from '../../../src/config/sinks/opensearch.js';
import { Receipt, ROW } from '../../../src/deliver/receipt.js';
import { CutRows } from '../../../src/deliver/rows.js';
import { ComeAgain, Refused, type Sink } from '../../../src/deliver/sink.js';
import { isAllCreated } from '../../../src/deliver/sinks/opensearch/answer.js';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { batchFromRows } from '../../../src/event/rows.js';
import { SCHEMA, sinkContext, someRows } from '../support.js';
import { documentsOf, failed, startScripted, taken, type Scripted, type ScriptedServer } from './scripted.js';

let server: ScriptedServer;
let sink: Sink;
beforeEach(async () => {
  server = await startScripted();
});
afterEach(async () => {
  await sink.close();
  await server.close();
});

const NEVER = new AbortController().signal;
const CUT = { delivery: 'out', stream: 'events', range: 'events/0:0-9', receivedAt: 0, replay: null };

async function open(settings: Partial<z.input<typeof opensearchSinkField>> = {}): Promise<void> {
  const options = opensearchSinkField.parse({
    type: 'opensearch',
    url: server.url,
    index: 'events',
    setUp: false,
    ...settings,
  });
  sink = createSink(options, sinkContext());
  await sink.open(NEVER);
}

function rowsOf(count: number): CutRows {
  const batch = batchFromRows(
    SCHEMA,
    someRows(count).map((row) => ({ ...row, received_at: Date.parse('2026-05-05T12:00:00Z') })),
  );
  const place = { stream: 'events', partition: 0, baseOffset: 0, receivedAt: 0, rows: null, attempts: null };
  return new CutRows(SCHEMA, [{ ...place, batch }]);
}

interface Sent {
  readonly receipt: Receipt;
  readonly error: unknown;
}

async function send(
  count: number,
  rest: { attempt?: number; isRest?: boolean; signal?: AbortSignal; replay?: string } = {},
): Promise<Sent> {
  const receipt = new Receipt(count);
  const cut = { ...CUT, replay: rest.replay ?? null };
  const request = { id: 'request', rows: rowsOf(count), attempt: rest.attempt ?? 0, isRest: rest.isRest ?? false, cut };
  const error: unknown = await sink.send(request, receipt, rest.signal ?? NEVER).then(
    () => null,
    (reason: unknown) => reason,
  );
  return { receipt, error };
}

const names = ['unknown', 'taken', 'refused', 'again'] as const;
const marksOf = ({ receipt }: Sent): string[] => Array.from(receipt.marks, (mark) => names[mark]!);
const says = (answer: Scripted): void => void (server.answer = () => answer);

describe('a bulk request', () => {
  test('has its documents, who we are, and asks for little in return', async () => {
    await open({ auth: { user: 'mill', password: 'söcret:1' }, pipeline: 'geo ip', timeout: '30 s' });
    const { receipt, error } = await send(3, { replay: 'r-7' });
    expect(error).toBeNull();
    expect(receipt.count(ROW.taken)).toBe(3);
    const [seen] = server.seen;
    expect(receipt.bytes).toBe(Buffer.byteLength(seen!.text));
    const url = new URL(seen!.path, server.url);
    expect([seen!.method, url.pathname]).toEqual(['POST', '/_bulk']);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({ pipeline: 'geo ip', timeout: '15000ms' });
    expect(url.searchParams.get('filter_path')).toContain('items.*.status');
    expect(seen!.headers).toMatchObject({
      'content-type': 'application/x-ndjson',
      authorization: `Basic ${Buffer.from('mill:söcret:1').toString('base64')}`,
      'x-opaque-id': 'millrace.out.replay.r-7',
    });
    expect(documentsOf(seen!).map(({ index, id }) => [index, id])).toEqual([
      ['events-2026-05-05', 'acme~e-0'],
      ['events-2026-05-05', 'bolt~e-1'],
      ['events-2026-05-05', 'crux~e-2'],
    ]);
  });

  test('gzip and an API key', async () => {
    await open({ auth: { apiKey: 'a2V5' }, compression: 'gzip' });
    const { receipt } = await send(50);
    expect(server.seen[0]!.headers).toMatchObject({ authorization: 'ApiKey a2V5', 'content-encoding': 'gzip' });
    expect(receipt.bytes).toBe(Number(server.seen[0]!.headers['content-length']));
    expect(receipt.bytes).toBeLessThan(Buffer.byteLength(server.seen[0]!.text) / 2);
    expect(documentsOf(server.seen[0]!)).toHaveLength(50);
  });

  test('rows are divided by number and by bytes, the same way each time', async () => {
    await open({ requestRowsMax: 40 });
    const counts = (rows: number): number[] => sink.requests(rowsOf(rows)).map(({ count }) => count);
    expect(counts(100)).toEqual([40, 40, 20]);
    await sink.close();
    await open({ requestSizeMax: '4 KiB' });
    expect(counts(100)).toEqual(counts(100));
    expect(counts(100).reduce((sum, count) => sum + count)).toBe(100);
    await send(counts(100)[0]!);
    expect(Buffer.byteLength(server.seen[0]!.text)).toBeLessThanOrEqual(4096);
  });
});

describe('each item decides over its row', () => {
  const cases: [object, 'taken' | 'refused' | 'again'][] = [
    [{ index: { status: 200 } }, 'taken'],
    [{ index: { status: 201 } }, 'taken'],
    [failed(429, 'es_rejected_execution_exception'), 'again'],
    [failed(429, 'circuit_breaking_exception'), 'again'],
    [failed(503, 'es_rejected_execution_exception'), 'again'],
    [failed(503, 'unavailable_shards_exception'), 'again'],
    [failed(500, 'node_closed_exception'), 'again'],
    [
      failed(
        403,
        'cluster_block_exception',
        'index [x] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage]',
      ),
      'again',
    ],
    [failed(403, 'security_exception'), 'again'],
    [failed(404, 'index_not_found_exception', 'no such index [x] and [action.auto_create_index] is [false]'), 'again'],
    [failed(400, 'index_closed_exception', 'closed'), 'again'],
    [failed(400, 'illegal_argument_exception', 'pipeline with id [geo] does not exist'), 'again'],
    [failed(400, 'illegal_argument_exception', 'no write index is defined for alias [x].'), 'again'],
    [
      failed(400, 'illegal_argument_exception', 'only write ops with an op_type of create are allowed in data streams'),
      'again',
    ],
    [
      failed(
        400,
        'validation_exception',
        'Validation Failed: 1: this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal shards open;',
      ),
      'again',
    ],
    [failed(400, 'mapper_parsing_exception', 'failed to parse field [count] of type [long]'), 'refused'],
    [failed(400, 'document_parsing_exception'), 'refused'],
    [failed(400, 'strict_dynamic_mapping_exception'), 'refused'],
    [failed(400, 'illegal_argument_exception', 'Limit of total fields [1000] has been exceeded'), 'refused'],
    [failed(409, 'version_conflict_engine_exception'), 'refused'],
    [failed(413, 'something_new_exception'), 'refused'],
  ];

  test.each(cases)('%j: %s', async (item, fate) => {
    await open();
    says({
      status: 200,
      body: { errors: true, items: [{ index: { status: 201 } }, item, { index: { status: 200 } }] },
    });
    expect(marksOf(await send(3))).toEqual(['taken', fate, 'taken']);
  });

  test('in one answer all of them', async () => {
    await open();
    says({ status: 200, body: { errors: true, items: cases.map(([item]) => item) } });
    const sent = await send(cases.length);
    expect(marksOf(sent)).toEqual(cases.map(([, fate]) => fate));
    const reasons = cases.flatMap(([item, fate], row) =>
      fate === 'refused' ? [[row, (item as { index: { error: { type: string } } }).index.error.type]] : [],
    );
    expect(Array.from(sent.receipt.refusals, ([row, { code }]) => [row, code])).toEqual(
      reasons.map(([row]) => [row, 'DELIVERY_REFUSED']),
    );
    for (const [row, type] of reasons) expect(sent.receipt.refusals.get(Number(row))!.message).toContain(type);
  });

  test('a refusal says the status, the type, the reason and its cause, in bounds', async () => {
    await open();
    const error = {
      type: 'mapper_parsing_exception',
      reason: 'failed to parse field [count]',
      caused_by: { reason: 'For input string: "ten"' },
    };
    says({ status: 200, body: { errors: true, items: [{ index: { status: 400, error } }] } });
    expect((await send(1)).receipt.refusals.get(0)!.message).toBe(
      '400 mapper_parsing_exception: failed to parse field [count]: For input string: "ten"',
    );
    says({ status: 200, body: { errors: true, items: [failed(400, 'x', 'y'.repeat(100_000))] } });
    expect((await send(1)).receipt.refusals.get(0)!.message).toHaveLength(1_000);
  });

  test('no room for some rows is no outage; no room for any is', async () => {
    await open();
    const busy = failed(429, 'es_rejected_execution_exception', 'queue full');
    says({ status: 200, body: { errors: true, items: [{ index: { status: 201 } }, busy] } });
    expect((await send(2)).error).toBeNull();
    says({ status: 200, body: { errors: true, items: [busy, busy] } });
    const { error } = await send(2);
    expect(error).toBeInstanceOf(ComeAgain);
    expect((error as Error).message).toMatch(/429 es_rejected_execution_exception: queue full \(2 of 2 rows\)$/);
  });

  test('where nobody gets in, the error says why, and rows that got in are taken', async () => {
    await open();
    const missing = failed(404, 'index_not_found_exception', 'no such index [events-2026-05-05]');
    says({ status: 200, body: { errors: true, items: [{ index: { status: 201 } }, missing] } });
    const sent = await send(2);
    expect(marksOf(sent)).toEqual(['taken', 'again']);
    expect((sent.error as Error).message).toContain('no such index [events-2026-05-05] (1 of 2 rows)');
  });

  test('a row that alone makes the node fail is refused after ten attempts', async () => {
    await open();
    const broken = failed(500, 'null_pointer_exception');
    says({ status: 200, body: { errors: true, items: [broken] } });
    for (let attempt = 1; attempt < 9; attempt++)
      expect(marksOf(await send(1, { attempt, isRest: true }))).toEqual(['again']);
    expect(marksOf(await send(1, { attempt: 9, isRest: true }))).toEqual(['refused']);
  });

  test('the usual answer is told by its bytes, and nothing like it', () => {
    const answer = JSON.stringify(taken(3));
    expect(isAllCreated(answer, 3)).toBe(true);
    for (const rows of [1, 2, 4, 30]) expect(isAllCreated(answer, rows)).toBe(false);
    for (let at = 0; at < answer.length; at++) {
      expect(isAllCreated(`${answer.slice(0, at)}~${answer.slice(at + 1)}`, 3)).toBe(false);
      expect(isAllCreated(answer.slice(0, at), 3)).toBe(false);
    }
    expect(isAllCreated(JSON.stringify(taken(1)), 1)).toBe(true);
    expect(isAllCreated(`${answer} `, 3)).toBe(false);
  });

  test('where all rows fail with 500, none is refused', async () => {
    await open();
    const broken = failed(500, 'null_pointer_exception');
    says({ status: 200, body: { errors: true, items: [broken, broken] } });
    for (let attempt = 0; attempt < 20; attempt++)
      expect(marksOf(await send(2, { attempt }))).toEqual(['again', 'again']);
  });
});

describe('an answer to the whole request', () => {
  test.each([
    [413, 'too large'],
    [400, { error: { type: 'action_request_validation_exception', reason: 'id is too long' } }],
    [400, { error: { type: 'x_content_parse_exception', reason: '[1:2] bad' } }],
    [400, { error: { type: 'parsing_exception', reason: 'bad' } }],
  ])('%i %j: the rows are at fault, in halves', async (status, body) => {
    await open();
    says({ status, body });
    const { error } = await send(2);
    expect(error).toBeInstanceOf(Refused);
    expect((error as Refused).divisible).toBe(true);
  });

  test.each([
    [429, 'busy'],
    [503, { error: { type: 'cluster_block_exception' } }],
    [502, '<html>Bad Gateway</html>'],
    [500, {}],
    [401, { error: { type: 'security_exception', reason: 'missing authentication' } }],
    [403, { error: { type: 'security_exception', reason: 'no permissions' } }],
    [404, 'no such path'],
    [400, { error: { type: 'illegal_argument_exception', reason: 'unrecognized parameter: [x]' } }],
    [301, ''],
    [204, ''],
  ])('%i %j: come again, no row is marked', async (status, body) => {
    await open();
    says({ status, body, headers: { location: 'http://127.0.0.1:1/' } });
    const sent = await send(2);
    expect(sent.error).toBeInstanceOf(ComeAgain);
    expect((sent.error as Error).message).toContain(`answered ${status}`);
    expect(marksOf(sent)).toEqual(['unknown', 'unknown']);
  });

  test('Retry-After is obeyed', async () => {
    await open();
    says({ status: 429, body: '', headers: { 'retry-after': '7' } });
    expect(((await send(1)).error as ComeAgain).afterMs).toBe(7_000);
  });

  test('a refused key is named as such and never shown', async () => {
    await open({ auth: { user: 'mill', password: 'hunter2hunter2' } });
    says({ status: 401, body: { error: { type: 'security_exception', reason: 'unable to authenticate' } } });
    const { error } = await send(1);
    expect((error as Error).message).toMatch(/unable to authenticate.*the rows wait until auth is mended/);
    expect(JSON.stringify([(error as Error).message, (error as Error).stack])).not.toContain('hunter2');
  });

  test.each([
    ['no JSON', '<html>ok</html>'],
    ['cut off', JSON.stringify(taken(2)).slice(0, -5)],
    ['one item too few', taken(1)],
    ['one item too many', taken(3)],
    ['no items', { errors: false, took: 3 }],
    ['items of another action', { errors: false, items: [{ index: { status: 201 } }, { create: { status: 201 } }] }],
    ['an item without a status', { errors: false, items: [{ index: { status: 201 } }, { index: {} }] }],
    ['nothing', ''],
    ['null', 'null'],
  ])('200 with %s is no answer', async (_name, body) => {
    await open();
    says({ status: 200, body });
    const sent = await send(2);
    expect(sent.error).toBeInstanceOf(ComeAgain);
    expect(marksOf(sent)).toEqual(['unknown', 'unknown']);
  });

  test('`errors: false` outweighs no item that failed', async () => {
    await open();
    says({
      status: 200,
      body: { errors: false, items: [failed(400, 'mapper_parsing_exception'), { index: { status: 201 } }] },
    });
    expect(marksOf(await send(2))).toEqual(['refused', 'taken']);
  });

  test('none at all, and one that does not end', async () => {
    await open({ timeout: '200 ms' });
    says('cut');
    expect((await send(1)).error).toBeInstanceOf(ComeAgain);
    says('hang');
    const { error } = await send(1);
    expect(error).toBeInstanceOf(ComeAgain);
    expect((error as Error).message).toContain(server.url);
  });

  test('an end from outside is not taken for an outage', async () => {
    await open();
    says('hang');
    const stop = new AbortController();
    const sending = send(1, { signal: stop.signal });
    while (server.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    stop.abort();
    expect((await sending).error).not.toBeInstanceOf(ComeAgain);
  });
});

describe('several nodes', () => {
  test('take turns, and one that is away is left out', async () => {
    const other = await startScripted();
    try {
      await open({ url: [server.url, `${other.url}/search/`] });
      for (let n = 0; n < 4; n++) await send(1);
      expect([server.seen.length, other.seen.length]).toEqual([2, 2]);
      expect(other.seen[0]!.path).toMatch(/^\/search\/_bulk\?/);
      await other.close();
      const errors: unknown[] = [];
      for (let n = 0; n < 6; n++) errors.push((await send(1)).error);
      expect(errors.filter((error) => error !== null)).toHaveLength(1);
      expect(server.seen).toHaveLength(7);
    } finally {
      await other.close();
    }
  });
});
