import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clickhouseSinkField } from '../../../src/config/sinks/clickhouse.js';
import { Receipt, ROW } from '../../../src/deliver/receipt.js';
import { ComeAgain, Refused, type Sink } from '../../../src/deliver/sink.js';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { startScripted, type Scripted, type ScriptedServer, type Seen } from '../opensearch/scripted.js';
import { cutRows, SCHEMA, sinkContext, someRows } from '../support.js';
import { ID, send, settings, type Settings } from './support.js';

let server: ScriptedServer;
let sink: Sink;
let onInsert: (request: Seen) => Scripted;
beforeEach(async () => {
  server = await startScripted();
  onInsert = () => OK;
  server.answer = (request) =>
    parametersOf(request).has('insert_deduplication_token') ? onInsert(request) : asked(request);
});
afterEach(async () => {
  await sink.close();
  await server.close();
});

const OK: Scripted = { status: 200, body: '' };
const lines = (rows: readonly object[]): Scripted => ({
  status: 200,
  body: rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
});
const failed = (code: number, text = `Code: ${code}. DB::Exception: for a reason`, status = 500): Scripted => ({
  status,
  body: text,
  headers: { 'x-clickhouse-exception-code': String(code) },
});
const parametersOf = ({ path }: Seen): URLSearchParams => new URL(path, 'http://x').searchParams;

/** A table that is there and fits. */
function asked({ text }: Seen): Scripted {
  if (text.includes('system.tables')) return lines([{ engine: 'ReplicatedMergeTree', definition: '' }]);
  const types: Record<string, string> = {
    timestamp: "DateTime64(3, 'UTC')",
    decimal: 'Decimal(18, 6)',
    int64: 'Int64',
    list: 'Array(String)',
  };
  return lines(SCHEMA.columns.map(({ name, type }) => ({ name, type: types[type] ?? 'String' })));
}

async function open(rest: Settings = {}): Promise<Sink> {
  sink = createSink(settings(server.url, { user: 'me', password: 'secret', ...rest }), sinkContext());
  await sink.open(new AbortController().signal);
  return sink;
}

const inserts = (): Seen[] => server.seen.filter((request) => parametersOf(request).has('insert_deduplication_token'));

test('an insert: one statement, a token that stays the same, times as text, the user in headers', async () => {
  await open({ database: 'shop', table: 'the `events`' });
  const rows = cutRows(someRows(3));
  const receipt = await send(sink, rows);
  await send(sink, rows, ID, 'r1');
  await send(sink, rows.part(0, 2));
  await send(sink, rows, 'other');
  expect(receipt.count(ROW.taken)).toBe(3);
  const [first, again, fewer, other] = inserts();
  const parameters = parametersOf(first!);
  expect(parameters.get('query')).toBe(
    `INSERT INTO \`shop\`.\`the \\\`events\\\`\` (${SCHEMA.columns.map(({ name }) => `\`${name}\``).join(', ')}) FORMAT JSONEachRow`,
  );
  expect(Object.fromEntries(parameters)).toMatchObject({
    async_insert: '0',
    wait_end_of_query: '1',
    insert_deduplicate: '1',
  });
  expect(first!.headers).toMatchObject({ 'x-clickhouse-user': 'me', 'x-clickhouse-key': 'secret' });
  expect(first!.path).not.toContain('secret');
  expect(JSON.parse(first!.text.split('\n')[1]!)).toMatchObject({ id: 'e-1', at: '2023-11-14T22:13:20.001Z' });
  const tokens = [first, again, fewer, other].map((one) => parametersOf(one!).get('insert_deduplication_token')!);
  expect(tokens[0]).toMatch(new RegExp(`^${ID}-[0-9a-f]{32}$`));
  expect(tokens[1]).toBe(tokens[0]);
  expect(new Set(tokens).size).toBe(3);
  expect(parametersOf(again!).get('log_comment')).toBe('millrace out replay r1');
});

test('gzip, and a path before the interface', async () => {
  await open({ url: `${server.url}/proxied`, compression: 'gzip' });
  const receipt = await send(sink, cutRows(someRows(50)));
  expect(inserts()[0]!.headers['content-encoding']).toBe('gzip');
  expect(inserts()[0]!.path).toMatch(/^\/proxied\?/);
  expect(inserts()[0]!.text.split('\n')).toHaveLength(51);
  expect(receipt.bytes).toBeLessThan(inserts()[0]!.text.length);
});

describe('what answers mean', () => {
  test.each([6, 26, 27, 38, 41, 53, 69, 72, 117, 130, 349, 376, 395, 407, 469])('%i: the rows', async (code) => {
    await open();
    onInsert = () => failed(code, undefined, 400);
    const sending = send(sink, cutRows(someRows(3)));
    await expect(sending).rejects.toBeInstanceOf(Refused);
    await expect(sending).rejects.toMatchObject({ divisible: true, message: expect.stringContaining('for a reason') });
  });

  test.each([
    ['too many parts', failed(252, 'Code: 252. DB::Exception: Too many parts (3000). Merges are processing slower')],
    ['memory', failed(241)],
    ['time', failed(159, undefined, 408)],
    ['too many queries', failed(202)],
    ['read only', failed(164)],
    ['a failure without a code', { status: 500, body: 'oops' } as Scripted],
    ['a proxy', { status: 502, body: '<html>' } as Scripted],
    ['an insert that says something', { status: 200, body: 'Welcome' } as Scripted],
    ['an exception behind 200', failed(27, 'x', 200)],
    ['a cut', 'cut' as Scripted],
  ])('%s', async (name, answer) => {
    await open();
    onInsert = () => answer;
    const isRows = name === 'an exception behind 200';
    await expect(send(sink, cutRows(someRows(3)))).rejects.toBeInstanceOf(isRows ? Refused : ComeAgain);
  });

  test('too much for one insert: halves', async () => {
    await open();
    const text = 'Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100)';
    for (const answer of [failed(252, text), { status: 413, body: '' } as Scripted]) {
      onInsert = () => answer;
      await expect(send(sink, cutRows(someRows(3)))).rejects.toMatchObject({ divisible: true });
    }
  });

  test('no rights: the operator is told', async () => {
    await open();
    onInsert = () => failed(497, undefined, 403);
    await expect(send(sink, cutRows(someRows(3)))).rejects.toThrow(/wait until user, password and rights are mended/);
  });

  test('a table that went is set up again before the next insert', async () => {
    await open();
    onInsert = () => failed(60, undefined, 404);
    await expect(send(sink, cutRows(someRows(3)))).rejects.toBeInstanceOf(ComeAgain);
    const before = server.seen.length;
    onInsert = () => OK;
    await send(sink, cutRows(someRows(3)));
    expect(server.seen[before]!.text).toContain('system.tables');
    const setUp = server.seen.length - before - 1;
    await send(sink, cutRows(someRows(3)));
    expect(inserts()).toHaveLength(3);
    // Once, not before every insert.
    expect(server.seen.length - before).toBe(setUp + 2);
  });

  test('a stop does not wait for an answer', async () => {
    await open({ timeout: '1 h' });
    onInsert = () => 'hang';
    const controller = new AbortController();
    const rows = cutRows(someRows(3));
    const cut = { delivery: 'out', stream: 'events', range: 'x', receivedAt: 0, replay: null };
    const request = { id: ID, rows, attempt: 0, isRest: false, cut };
    const sending = sink.send(request, new Receipt(3), controller.signal);
    setTimeout(() => controller.abort(new Error('stop')), 20);
    await expect(sending).rejects.toThrow('stop');
  });
});

test.each([
  [{ url: 'ftp://x' }, /expected a URL such as/],
  [{ url: 'http://u:p@x' }, /expected a URL such as/],
  [{ password: 'ü' }, /printable ASCII/],
  [{ engine: 'Log' }, /expected one of MergeTree/],
  [{ table: '' }, /./],
])('settings %j are refused', (rest, says) => {
  const { error } = clickhouseSinkField.safeParse({ type: 'clickhouse', url: 'http://x:8123', table: 't', ...rest });
  expect(JSON.stringify(error?.issues)).toMatch(says);
});
