import { describe, expect, test } from 'vitest';
import { seedRows } from '../../src/seeds.js';
import { sinkDeliveries } from '../../src/sinks.js';
import { readSqlFiles } from '../../src/sql/sql-files.js';

const read = (...texts: string[]) => readSqlFiles(texts.map((text, i) => ({ text, file: `${i}.sql` })));
const TABLE = 'CREATE TABLE t (k text PRIMARY KEY, n bigint DEFAULT 7);';
const VIEW = 'CREATE MATERIALIZED VIEW v AS SELECT k FROM s;';

describe('DROP in files', () => {
  test('takes away what came before, also of another file, which may be said anew', async () => {
    const files = await read(`${TABLE} INSERT INTO t VALUES ('a'); ${VIEW}`, 'DROP TABLE t; DROP VIEW v;', VIEW);
    expect([files.relations.length, files.inserts.size, files.views.length]).toEqual([0, 0, 1]);
    expect((await read('DROP SINK IF EXISTS s')).sinks).toEqual([]);
  });

  test('says what is wrong', async () => {
    await expect(read('DROP TABLE t')).rejects.toThrow('there is no table "t" before this DROP');
    await expect(read(TABLE, 'DROP SOURCE t')).rejects.toThrow(/"t" is a table[^]*Write DROP TABLE t/);
    await expect(read(TABLE, 'DROP TABLE t CASCADE')).rejects.toThrow('CASCADE in files');
  });
});

describe('INSERT in files', () => {
  test('gives a table its first rows, the last of a key', async () => {
    const files = await read(TABLE, "INSERT INTO t VALUES ('b', 1), ('a', 2)", "INSERT INTO t (k) VALUES ('b')");
    expect(await seedRows(files, 't')).toEqual([
      { k: 'a', n: 2 },
      { k: 'b', n: 7 },
    ]);
  });

  test.each([
    ['INSERT INTO t VALUES (1)', 'there is no table "t" before this INSERT'],
    ["CREATE SOURCE s (k text); INSERT INTO s VALUES ('a')", 'each start would add them again'],
    ["CREATE TABLE s (k text); INSERT INTO s VALUES ('a')", 'each start would add them again'],
    ["CREATE TABLE f (k text PRIMARY KEY) WITH (file = 'f.csv'); INSERT INTO f VALUES ('a')", 'are those of its file'],
    [`${TABLE} INSERT INTO t SELECT 'a', 1`, 'INSERT … SELECT in a file'],
    [`${TABLE} INSERT INTO t VALUES ('a', 1) RETURNING k`, 'RETURNING in a file'],
    ["UPDATE t SET n = 1 WHERE k = 'a'", 'a statement other than'],
  ])('%s is refused', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});

describe('CREATE SINK in files', () => {
  const options = { dataFolder: '/data', folder: '/config', deliveries: [], streams: [{ name: 's' }] };
  const sinks = async (text: string) => sinkDeliveries(await read(`${VIEW} ${text}`), options);

  test('is a delivery', async () => {
    const [view, stream] = await sinks(
      "CREATE SINK a FROM v WITH (connector = 'http', url = 'https://example.com/x', buffer.interval = '5 s', requests_max = '1');" +
        "CREATE SINK b FROM s WITH (connector = 'file', path = 'out.ndjson', start = 'newest')",
    );
    expect(view).toMatchObject({ name: 'a', from: 'view.v', bufferMs: 5_000, requestsMax: 1, start: 'oldest' });
    expect(view!.sink).toMatchObject({ type: 'http', url: 'https://example.com/x' });
    expect(stream).toMatchObject({ name: 'b', from: 's', start: 'newest', sink: { path: '/config/out.ndjson' } });
  });

  test.each([
    ["CREATE SINK a FROM x WITH (connector = 'stdout')", 'there is no view or stream "x"'],
    ["CREATE SINK a FROM v WITH (connector = 'blackhole')", 'to.type'],
    ["CREATE SINK a FROM v WITH (connector = 'http', ulr = 'x')", 'ulr'],
    ["CREATE SINK a AS SELECT 1 WITH (connector = 'stdout')", 'a sink with a query of its own'],
  ])('%s is refused', async (text, message) => {
    await expect(sinks(text)).rejects.toThrow(message);
  });
});
