import { createServer, type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ComeAgain, Refused, type Sink, type SinkContext } from '../../../src/deliver/sink.js';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { defineSchema } from '../../../src/event/schema-define.js';
import { startPostgres, type Postgres } from '../../engines/postgres.js';
import { EVERY_TYPE } from '../../event/arbitrary.js';
import { SeededRandom } from '../../sim/random.js';
import { Bench, cutRows, removeFolders, sinkContext, someRows, type Row } from '../support.js';
import { ask, send, settings } from './support.js';

let engine: Postgres;
let sinks: Sink[] = [];
beforeAll(async () => {
  engine = await startPostgres();
});
afterAll(() => engine?.stop());
afterEach(async () => {
  for (const sink of sinks) await sink.close();
  sinks = [];
  removeFolders();
});

let tables = 0;
const freshTable = (): string => `t "${tables++}"`;
const quoted = (table: string): string => `"${table.replaceAll('"', '""')}"`;
const run = (sql: string) => ask<Record<string, unknown>>(engine.url, sql);

async function open(to: Readonly<Record<string, unknown>>, context: Partial<SinkContext> = {}): Promise<Sink> {
  const sink = createSink(settings({ url: engine.url, ...to }), sinkContext(context));
  sinks.push(sink);
  await sink.open(new AbortController().signal);
  return sink;
}

const columnsOf = async (table: string): Promise<string[]> => {
  const rows = await run(
    `SELECT attname || ' ' || format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END AS c
       FROM pg_attribute WHERE attrelid = '${quoted(table)}'::regclass AND attnum > 0 ORDER BY attnum`,
  );
  return rows.map(({ c }) => String(c));
};

describe('the table', () => {
  test('is made from the schema, with its key', async () => {
    const table = freshTable();
    await open({ table }, { schema: EVERY_TYPE });
    expect(await columnsOf(table)).toEqual([
      'tenant text not null',
      'id uuid not null',
      'time timestamp with time zone not null',
      'u uuid',
      's text not null',
      's2 text',
      'd text',
      'l text[] not null',
      'l2 text[]',
      'b bytea',
      'i bigint not null',
      'i2 bigint',
      'f double precision',
      'm numeric(19,6) not null',
      'm2 numeric(19,6)',
      't timestamp with time zone',
      'o boolean',
      'j jsonb',
      'received_at timestamp with time zone not null',
    ]);
    const [{ key }] = (await run(
      `SELECT pg_get_constraintdef(oid) AS key FROM pg_constraint WHERE conrelid = '${quoted(table)}'::regclass AND contype = 'p'`,
    )) as [{ key: string }];
    expect(key).toBe('PRIMARY KEY (tenant, id)');
  });

  test('is made once by sinks that start at the same time', async () => {
    const table = freshTable();
    await Promise.all(Array.from({ length: 6 }, () => open({ table })));
    expect(await columnsOf(table)).toHaveLength(10);
  });

  test('gets columns that it lacks, and keeps its own', async () => {
    const table = freshTable();
    await run(
      `CREATE TABLE ${quoted(table)} (id varchar(99), tenant text, mine int DEFAULT 7, at timestamp, cost numeric(30,8), count int, UNIQUE (tenant, id))`,
    );
    const sink = await open({ table });
    expect((await columnsOf(table)).slice(6)).toEqual([
      'kind text',
      'note text',
      'labels text[]',
      'props jsonb',
      'received_at timestamp with time zone',
    ]);
    expect((await send(sink, cutRows(someRows(2)))).error).toBeNull();
    const rows = await run(`SELECT mine, at::text, cost, count FROM ${quoted(table)} ORDER BY id`);
    expect(rows[1]).toEqual({ mine: 7, at: '2023-11-14 22:13:20.001', cost: '0.25000000', count: 1 });
  });

  const unfit: readonly (readonly [string, string, string | RegExp])[] = [
    ['a number without its fraction', 'cost integer', 'column "cost" is integer, expected numeric(19,6)'],
    ['too small a scale', 'cost numeric(18,2)', 'column "cost" is numeric(18,2), expected numeric(19,6)'],
    ['a day in place of a time', 'at date', 'column "at" is date, expected timestamp with time zone'],
    ['a time without milliseconds', 'at timestamptz(0)', 'column "at" is timestamp(0) with time zone'],
    ['a number in place of text', 'note bigint', 'column "note" is bigint, expected text'],
    ['a column that must have a value', 'mine int NOT NULL', 'column "mine" must have a value'],
    ['no key', 'mine int', /has no unique index of its key; run: CREATE UNIQUE INDEX ON .* \("tenant", "id"\)$/],
    ['a column that it computes', 'kind text GENERATED ALWAYS AS (id) STORED', 'cannot insert a non-DEFAULT value'],
  ];
  test.each(unfit)('does not fit: %s', async (what, column, message) => {
    const table = freshTable();
    const key = what === 'no key' ? '' : ', UNIQUE (tenant, id)';
    await run(`CREATE TABLE ${quoted(table)} (id text, tenant text, ${column}${key})`);
    await expect(open({ table })).rejects.toThrow(message);
  });

  test('is not touched without setUp: what to run is said', async () => {
    const table = freshTable();
    await expect(open({ table, setUp: false })).rejects.toThrow('is not there, or lacks columns; run: CREATE TABLE');
    await run(`CREATE TABLE ${quoted(table)} (id text, tenant text, UNIQUE (tenant, id))`);
    await expect(open({ table, setUp: false })).rejects.toThrow('run: ALTER TABLE');
    expect(await columnsOf(table)).toHaveLength(2);
  });

  test('may be in another schema, and its names are quoted', async () => {
    await run('CREATE SCHEMA "odd; DROP"');
    const table = 'select "x"; --';
    const sink = await open({ schema: 'odd; DROP', table });
    expect((await send(sink, cutRows(someRows(3)))).error).toBeNull();
    expect(await run('SELECT count(*)::int AS n FROM "odd; DROP"."select ""x""; --"')).toEqual([{ n: 3 }]);
  });

  test('a schema that is not there is said', async () => {
    await expect(open({ schema: 'nowhere', table: 'x' })).rejects.toThrow('schema "nowhere" does not exist');
  });
});

describe('rows', () => {
  const idsIn = async (table: string): Promise<unknown[]> =>
    (await run(`SELECT id FROM ${quoted(table)} ORDER BY id`)).map(({ id }) => id);

  test('come once, however often they are sent', async () => {
    const table = freshTable();
    const sink = await open({ table });
    const { receipt } = await send(sink, cutRows(someRows(5), undefined, 2));
    expect(receipt.count(1)).toBe(5);
    expect(receipt.objects).toBe(5);
    expect(receipt.bytes).toBeGreaterThan(300);
    await send(sink, cutRows(someRows(7)));
    expect(await idsIn(table)).toEqual(['e-0', 'e-1', 'e-2', 'e-3', 'e-4', 'e-5', 'e-6']);
  });

  test('of two tenants with one id are two', async () => {
    const table = freshTable();
    const sink = await open({ table });
    const [row] = someRows(1) as [Row];
    await send(sink, cutRows([row, { ...row, tenant: 'other' }]));
    expect(await idsIn(table)).toEqual(['e-0', 'e-0']);
  });

  test.each([
    ['update', ['second', 'third']],
    ['ignore', ['first', 'first']],
  ])('with a key that is there: %s', async (onConflict, notes) => {
    const table = freshTable();
    const sink = await open({ table, onConflict });
    const [row] = someRows(1) as [Row];
    const noteIn = async () => (await run(`SELECT note FROM ${quoted(table)}`)).map(({ note }) => note);
    await send(sink, cutRows([{ ...row, note: 'first' }, ...someRows(0), { ...row, note: 'second' }]));
    expect(await noteIn()).toEqual([notes[0]]);
    await send(sink, cutRows([{ ...row, note: 'third' }]));
    expect(await noteIn()).toEqual([notes[1]]);
  });

  test.each([
    ['update', 1],
    ['ignore', 0],
  ])('with one key in a request, among rows of many sizes: %s', async (onConflict, version) => {
    const table = freshTable();
    const sink = await open({ table, onConflict });
    const random = new SeededRandom(1);
    for (let request = 0; request < 6; request++) {
      // Sixty keys, and the same once more: a small one finds room in a page before that of the first.
      const rows = Array.from({ length: 40 }, (_, block) =>
        someRows(60, `r${request}`, (block >> 1) * 60).map((row): Row => {
          const size = random.below(10) < 3 ? 1_900 : random.below(200);
          return { id: row.id, tenant: 'acme', at: 0, count: block % 2, note: 'x'.repeat(size) };
        }),
      ).flat();
      expect((await send(sink, cutRows(rows))).error).toBeNull();
    }
    const found = await run(`SELECT count::int AS version, count(*)::int AS n FROM ${quoted(table)} GROUP BY 1`);
    expect(found).toEqual([{ version, n: 6 * 1_200 }]);
  });

  test('are known by the columns of `key`', async () => {
    const table = freshTable();
    const sink = await open({ table, key: ['id', 'received_at'] });
    const [row] = someRows(1) as [Row];
    await send(
      sink,
      cutRows([
        { ...row, received_at: 4 },
        { ...row, received_at: 5 },
      ]),
    );
    await send(sink, cutRows([{ ...row, tenant: 'other', received_at: 5 }]));
    expect(await idsIn(table)).toEqual(['e-0', 'e-0']);
    expect(() => createSink(settings({ url: engine.url, table, key: ['note'] }), sinkContext())).toThrow(
      "deliveries.out.to.key: expected columns that are never null, found 'note'",
    );
    expect(() => createSink(settings({ url: engine.url, table, key: ['nothing'] }), sinkContext())).toThrow('nothing');
  });

  test('of a stream without ids are known by their place', async () => {
    const table = freshTable();
    const schema = defineSchema({ columns: { at: 'timestamp', note: 'string?' } });
    const sink = await open({ table }, { schema });
    const rows = Array.from({ length: 5 }, (_, n) => ({ id: '', tenant: '', at: n, note: `n${n}` }));
    await send(sink, cutRows(rows, schema, 2));
    await send(sink, cutRows(rows, schema, 2));
    expect(
      await run(
        `SELECT note, millrace_stream AS s, millrace_partition AS p, millrace_offset::int AS o FROM ${quoted(table)} ORDER BY o`,
      ),
    ).toEqual(rows.map(({ note }, o) => ({ note, s: 'events', p: 0, o })));
  });

  test('in many sessions at once, in any order, wait for no other in a circle', async () => {
    const table = freshTable();
    const sink = await open({ table }, { requestsMax: 4 });
    const rows = someRows(300);
    for (let round = 0; round < 12; round++) {
      const results = await Promise.all([
        send(sink, cutRows(rows)),
        send(sink, cutRows(rows.toReversed())),
        send(sink, cutRows([...rows.slice(150), ...rows.slice(0, 150)])),
        send(sink, cutRows(rows.toReversed())),
      ]);
      expect(results.map(({ error }) => error)).toEqual([null, null, null, null]);
    }
    expect(await idsIn(table)).toHaveLength(300);
  });
});

describe('what errors mean', () => {
  const refused: readonly (readonly [string, string, Partial<Row>, string])[] = [
    ['a zero byte', '', { note: 'a\0b' }, '22021'],
    ['a zero byte in JSON', '', { props: { a: '\0' } }, '22P05'],
    ['too long a text', 'ALTER TABLE T ALTER note TYPE varchar(10)', { note: 'x'.repeat(11) }, '22001'],
    ['too large a number', 'ALTER TABLE T ALTER count TYPE smallint', { count: 40_000 }, '22003'],
    ['a constraint', 'ALTER TABLE T ADD CONSTRAINT small CHECK (count < 100)', { count: 100 }, '23514'],
    ['no value', 'ALTER TABLE T ALTER kind SET NOT NULL', { kind: null }, '23502'],
    ['another unique key', 'CREATE UNIQUE INDEX ON T (note)', { note: 'a "note" 0' }, '23505'],
    ['too long a key', '', { id: randomText(9_000) }, '54000'],
    [
      'a trigger',
      `CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
         IF NEW.count = 66 THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$;
       CREATE TRIGGER no BEFORE INSERT ON T FOR EACH ROW EXECUTE FUNCTION no()`,
      { count: 66 },
      'P0001',
    ],
  ];
  test.each(refused)('%s: the row is at fault', async (_what, alter, values, state) => {
    const table = freshTable();
    const sink = await open({ table });
    if (alter !== '') await run(alter.replaceAll(/\bT\b/g, quoted(table)));
    const poison = { ...someRows(1, 'p')[0]!, note: 'p', ...values };
    const { error, receipt } = await send(sink, cutRows([...someRows(3), poison]));
    expect(error).toBeInstanceOf(Refused);
    expect(error).toMatchObject({ divisible: true });
    expect(String(error)).toContain(`(${state})`);
    expect(receipt.count(0)).toBe(4);
    // COPY names the row; what the table says afterwards it says of none.
    expect(error).toMatchObject({ row: state === '22021' || state === '22P05' ? 3 : null });
    expect((await send(sink, cutRows(someRows(3)))).error).toBeNull();
  });

  test('rows at fault cost no session', async () => {
    const sink = await open({ table: freshTable() }, { name: 'thrifty', requestsMax: 1 });
    const session = () =>
      run(`SELECT pid, backend_start FROM pg_stat_activity WHERE application_name = 'millrace thrifty'`);
    const before = await session();
    for (let times = 0; times < 20; times++)
      expect((await send(sink, cutRows([{ ...someRows(1)[0]!, note: '\0' }]))).error).toBeInstanceOf(Refused);
    expect((await send(sink, cutRows(someRows(3)))).error).toBeNull();
    expect(await session()).toEqual(before);
    expect(before).toHaveLength(1);
  });

  test('rows at fault go to the quarantine, all others arrive', async () => {
    const table = freshTable();
    const bench = await new Bench({ partitions: 2 }).open();
    const sink = await open({ table });
    await run(`ALTER TABLE ${quoted(table)} ADD CONSTRAINT not_13 CHECK (count % 100 <> 13)`);
    await bench.append(someRows(250));
    await bench.start(sink);
    await bench.drained();
    expect(bench.edges()).toMatchObject({ read: 250, ok: 247, 'quarantined DELIVERY_REFUSED': 3 });
    expect(bench.rows('quarantine').map((row) => row['event_id'])).toEqual(
      expect.arrayContaining(['e-13', 'e-113', 'e-213']),
    );
    expect(String(bench.rows('quarantine')[0]!['message'])).toMatch(/not_13.*\(23514\)$/);
    expect(await run(`SELECT count(*)::int AS n FROM ${quoted(table)}`)).toEqual([{ n: 247 }]);
    await bench.close();
  });

  const comeAgain = async (sink: Sink, text: string): Promise<void> => {
    const { error, receipt } = await send(sink, cutRows(someRows(3)));
    expect(error).toBeInstanceOf(ComeAgain);
    expect(String(error)).toContain(text);
    expect(String(error)).not.toContain('password@');
    expect(receipt.count(0)).toBe(3);
  };

  test('a table that is gone is made again', async () => {
    const table = freshTable();
    const sink = await open({ table });
    await run(`DROP TABLE ${quoted(table)}`);
    await comeAgain(sink, 'does not exist (42P01)');
    expect((await send(sink, cutRows(someRows(3)))).error).toBeNull();
    await run(`ALTER TABLE ${quoted(table)} DROP COLUMN note`);
    await comeAgain(sink, '(42703)');
    expect((await send(sink, cutRows(someRows(3)))).error).toBeNull();
  });

  test('a key that lost its index holds everything back, and the statement is said', async () => {
    const table = freshTable();
    const sink = await open({ table });
    const [{ name }] = (await run(
      `SELECT conname AS name FROM pg_constraint WHERE conrelid = '${quoted(table)}'::regclass AND contype = 'p'`,
    )) as [{ name: string }];
    await run(`ALTER TABLE ${quoted(table)} DROP CONSTRAINT ${quoted(name)}`);
    await comeAgain(sink, '(42P10)');
    await comeAgain(sink, 'run: CREATE UNIQUE INDEX');
    expect(await run(`SELECT count(*)::int AS n FROM ${quoted(table)}`)).toEqual([{ n: 0 }]);
  });

  test('a lock that is not given in time, a session that is ended, a right that is missing', async () => {
    const table = freshTable();
    const sink = await open({ table, timeout: '400 ms' });
    const held = run(`BEGIN; LOCK TABLE ${quoted(table)}; SELECT pg_sleep(1.5); COMMIT`);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const { error } = await send(sink, cutRows(someRows(3)));
    expect(error).toBeInstanceOf(ComeAgain);
    expect(String(error)).toMatch(/statement timeout \(57014\)|not done within 400 ms/);
    await held;
    expect((await send(sink, cutRows(someRows(3)))).error).toBeNull();
    await run(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'millrace out'`);
    for (let attempt = 0; (await send(sink, cutRows(someRows(3)))).error !== null; attempt++)
      expect(attempt).toBeLessThan(5);
  });

  test('a session that hangs is not waited for, and closed without waiting', async () => {
    const table = freshTable();
    const sink = await open({ table, timeout: '300 ms' }, { requestsMax: 1 });
    const sessions = await run(`SELECT pid FROM pg_stat_activity WHERE application_name = 'millrace out'`);
    for (const { pid } of sessions) process.kill(Number(pid), 'SIGSTOP');
    try {
      await comeAgain(sink, 'not done within 300 ms');
    } finally {
      for (const { pid } of sessions) process.kill(Number(pid), 'SIGCONT');
    }
    expect((await send(sink, cutRows(someRows(3)))).error).toBeNull();
    expect(await run(`SELECT count(*)::int AS n FROM ${quoted(table)}`)).toEqual([{ n: 3 }]);
  });

  test('a server that takes connections and says nothing is not waited for', async () => {
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    const opened = open({ table: 'x', url: `postgres://me:hunter2@127.0.0.1:${port}/db`, timeout: '200 ms' });
    await expect(opened).rejects.toThrow(`PostgreSQL 127.0.0.1:${port} "public"."x": Connection terminated`);
    silent.close();
  });

  test('no way in: wrong password, no database, no encryption', async () => {
    const wrong = engine.url.replace(':password@', ':hunter2@');
    const nowhere = engine.url.replace(/[^/]*$/, 'nowhere');
    await expect(open({ table: 'x', url: nowhere })).rejects.toThrow('database "nowhere" does not exist');
    await expect(open({ table: 'x', tls: {} })).rejects.toThrow('does not support SSL');
    const opened = await open({ table: 'x', url: wrong }).catch((error: unknown) => error);
    expect(String(opened)).not.toContain('hunter2');
  });
});

/** Text that can't be made much shorter, so that it doesn't fit into an index. */
function randomText(length: number): string {
  let seed = 1;
  return Array.from({ length }, () => {
    seed = (seed * 48_271) % 2_147_483_647;
    return String.fromCodePoint(33 + (seed % 90));
  }).join('');
}
