/** Texts become statements: PostgreSQL's grammar and RisingWave's spellings, with positions in what was written. */
import { describe, expect, test } from 'vitest';
import { parseStatement, parseStatements } from '../../../src/sql/statements/parse.js';
import { isComplete, splitStatements } from '../../../src/sql/statements/statement-text.js';
import type { Statement } from '../../../src/sql/statements/statement.js';
import { byteToIndex, loadParser } from '../../../src/util/sql-text.js';

type Kind<K extends Statement['kind'], S = Statement> = S extends { kind: infer T } ? (K extends T ? S : never) : never;

async function one<K extends Statement['kind']>(text: string, kind: K): Promise<Kind<K>> {
  const statements = await parseStatements(text);
  expect(statements.map((statement) => statement.kind)).toEqual([kind]);
  return statements[0] as Kind<K>;
}

async function message(text: string): Promise<string> {
  try {
    await parseStatements(text, 'f.sql');
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`not refused: ${text}`);
}

describe('CREATE TABLE and CREATE SOURCE', () => {
  test('columns, key, defaults, types', async () => {
    const table = await one(
      `CREATE TABLE IF NOT EXISTS t (
         id bigint PRIMARY KEY, small smallint NOT NULL, price numeric(10,2) DEFAULT 1.5, name varchar(3),
         tags text[], body jsonb, at timestamptz, wall timestamp without time zone, half int AS id / 2,
         twice int GENERATED ALWAYS AS (id * 2) STORED)`,
      'createTable',
    );
    expect(table.name).toBe('t');
    expect(table.ifNotExists).toBe(true);
    expect(table.primaryKey).toEqual(['id']);
    expect(table.columns.map(({ name, type, notNull }) => [name, type, notNull])).toEqual([
      ['id', 'bigint', true],
      ['small', 'smallint', true],
      ['price', 'numeric', false],
      ['name', 'text', false],
      ['tags', 'text[]', false],
      ['body', 'jsonb', false],
      ['at', 'timestamptz', false],
      ['wall', 'timestamp', false],
      ['half', 'integer', false],
      ['twice', 'integer', false],
    ]);
    expect(table.columns[3]!.lengthMax).toBe(3);
    expect(table.columns[2]!.default).toMatchObject({ A_Const: { fval: { fval: '1.5' } } });
    expect(table.columns[8]!.generated).toMatchObject({ A_Expr: { name: [{ String: { sval: '/' } }] } });
    expect(table.columns[9]!.generated).toMatchObject({ A_Expr: { name: [{ String: { sval: '*' } }] } });
    expect([table.watermark, table.appendOnly, table.format]).toEqual([null, false, null]);
  });

  test('a key over several columns', async () => {
    const table = await one('CREATE TABLE t (a int, b text, PRIMARY KEY (b, a))', 'createTable');
    expect(table.primaryKey).toEqual(['b', 'a']);
    expect(table.columns.map(({ notNull }) => notNull)).toEqual([true, true]);
    expect(await message('CREATE TABLE t (a int PRIMARY KEY, b text PRIMARY KEY)')).toContain('multiple primary keys');
    expect(await message('CREATE TABLE t (a int, PRIMARY KEY (b))')).toContain('column "b" named in key');
  });

  test.each([
    "CREATE SOURCE s (a int, ts timestamp, WATERMARK FOR ts AS ts - INTERVAL '5 seconds')",
    "CREATE SOURCE s (a int, ts timestamp, WATERMARK FOR ts AS ts - INTERVAL '5 seconds',)",
    "CREATE SOURCE s (WATERMARK FOR ts AS ts - INTERVAL '5' SECOND, a int, ts timestamp)",
    "CREATE SOURCE s (a int, WATERMARK FOR ts AS ts - INTERVAL '5 s', ts timestamp,)",
    'create source if not exists s (a int, ts timestamp, watermark for "ts" as ts - interval $$5 seconds$$)',
  ])('WATERMARK FOR: %s', async (text) => {
    const source = await one(text, 'createSource');
    expect(source.watermark).toMatchObject({ column: 'ts', delayMs: 5000 });
    expect(source.columns.map(({ name }) => name)).toEqual(['a', 'ts']);
    expect(text.slice(source.watermark!.location).toLowerCase()).toMatch(/^watermark/);
  });

  test('a watermark without delay, APPEND ONLY, WITH, FORMAT', async () => {
    const table = await one(
      `CREATE TABLE t (ts timestamptz, WATERMARK FOR ts AS ts) APPEND ONLY
       WITH (connector = 'kafka', properties.bootstrap.server = 'h:1', event_time = ts, n = 5)
       FORMAT PLAIN ENCODE JSON (a = 'b');`,
      'createTable',
    );
    expect(table.watermark!.delayMs).toBe(0);
    expect(table.appendOnly).toBe(true);
    expect([...table.options].map(([name, { value }]) => [name, value])).toEqual([
      ['connector', 'kafka'],
      ['properties.bootstrap.server', 'h:1'],
      ['event_time', 'ts'],
      ['n', '5'],
    ]);
    expect(table.format).toBe("FORMAT PLAIN ENCODE JSON (a = 'b')");
  });

  test('what a watermark can not be', async () => {
    const source = (clause: string): string => `CREATE SOURCE s (a int, ts timestamp, ${clause})`;
    expect(await message(source('WATERMARK FOR ts AS a'))).toContain('syntax error at or near "a"');
    expect(await message(source("WATERMARK FOR ts AS ts + INTERVAL '1 s'"))).toContain('at or near "+"');
    expect(await message(source("WATERMARK FOR ts AS ts - INTERVAL '1 month'"))).toContain('is a length of time');
    expect(await message(source("WATERMARK FOR ts AS ts - INTERVAL '1' MINUTES"))).toContain('is a length of time');
    expect(await message(source('WATERMARK FOR x AS x'))).toContain('column "x" does not exist');
    expect(await message(source('WATERMARK FOR a AS a'))).toContain('a watermark is over a time');
    expect(await message(source('WATERMARK FOR ts AS ts, WATERMARK FOR ts AS ts'))).toContain('one watermark');
    expect(await message('CREATE SOURCE s (a int,, b int)')).toContain('syntax error at or near ","');
  });

  test('constraints that there are not', async () => {
    expect(await message('CREATE TABLE t (a int UNIQUE)')).toContain('UNIQUE: not supported');
    expect(await message('CREATE TABLE t (a int, CHECK (a > 1))')).toContain('CHECK: not supported');
    expect(await message('CREATE TABLE t (a point)')).toContain('type "point" is not supported');
    expect(await message('CREATE TABLE t (a int, a text)')).toContain('specified more than once');
  });
});

describe('views and sinks', () => {
  test('EMIT ON WINDOW CLOSE is emit = close', async () => {
    const text = "CREATE MATERIALIZED VIEW v WITH (watermark_lag = '1 s') AS SELECT 1 AS a EMIT ON WINDOW CLOSE;";
    const { view } = await one(text, 'createMaterializedView');
    expect(view.options.get('emit')).toEqual({ value: 'close', location: text.indexOf('EMIT') });
    expect(view.options.get('watermark_lag')!.value).toBe('1 s');
    expect(view.sql).toBe(text.slice(0, -1));
    expect(
      await message("CREATE MATERIALIZED VIEW v WITH (emit = 'close') AS SELECT 1 EMIT ON WINDOW CLOSE"),
    ).toContain('emit is given twice');
    expect(await message('SELECT 1 EMIT ON WINDOW CLOSE')).toContain('a trailing EMIT');
  });

  test('CREATE VIEW', async () => {
    expect(await one('CREATE OR REPLACE VIEW v (a) AS SELECT 1', 'createView')).toMatchObject({
      name: 'v',
      orReplace: true,
      columnNames: ['a'],
    });
    expect((await one('CREATE VIEW IF NOT EXISTS v AS SELECT 1', 'createView')).ifNotExists).toBe(true);
  });

  test('CREATE SINK', async () => {
    const from = await one(
      "CREATE SINK s FROM v WITH (connector = 'blackhole') FORMAT PLAIN ENCODE JSON",
      'createSink',
    );
    expect(from.from!.name).toBe('v');
    expect(from.options.get('connector')!.value).toBe('blackhole');
    const as = await one(
      'CREATE SINK IF NOT EXISTS s AS WITH c AS (SELECT 1) SELECT * FROM c EMIT ON WINDOW CLOSE WITH (a = 1)',
      'createSink',
    );
    expect(as.view!.options.get('emit')!.value).toBe('close');
    expect(as.view!.select.withClause).toBeDefined();
    expect(as.options.get('a')!.value).toBe('1');
  });
});

describe('joins without a word in the grammar', () => {
  async function marks(from: string): Promise<[string, unknown][]> {
    const text = `SELECT 'é', * FROM ${from}`;
    const { joins } = await one(text, 'select');
    return [...joins].map(([join, mark]) => {
      const { rarg } = join;
      const name = rarg !== undefined && 'RangeVar' in rarg ? rarg.RangeVar.relname! : Object.keys(rarg!)[0]!;
      return [`${join.jointype} ${name}`, mark];
    });
  }

  test('ASOF', async () => {
    const asof = { kind: 'asof' };
    expect(await marks('a ASOF JOIN b ON a.x = b.x AND a.t >= b.t')).toEqual([['JOIN_INNER b', asof]]);
    expect(await marks('a x ASOF LEFT JOIN b y ON true JOIN c ON true')).toEqual([['JOIN_LEFT b', asof]]);
    expect(await marks('a JOIN b ON true asof left outer join c ON true')).toEqual([['JOIN_LEFT c', asof]]);
    expect(await marks('a ASOF JOIN (SELECT 1 FROM x JOIN y ON true) z ON true')).toEqual([
      ['JOIN_INNER RangeSubselect', asof],
    ]);
    expect(await marks('(SELECT 1 FROM x JOIN y ON true) z ASOF JOIN (b JOIN c ON true) ON true')).toEqual([
      ['JOIN_INNER JoinExpr', asof],
    ]);
    expect(await marks('a AS asof JOIN b ON true')).toEqual([]);
    expect(await message('SELECT * FROM a ASOF FULL JOIN b ON true')).toContain('ASOF FULL JOIN: not supported');
  });

  test('FOR SYSTEM_TIME AS OF', async () => {
    const now = { kind: 'now' };
    expect(await marks('a JOIN b FOR SYSTEM_TIME AS OF PROCTIME() ON true')).toEqual([['JOIN_INNER b', now]]);
    expect(await marks('a LEFT JOIN public.b FOR SYSTEM_TIME AS OF PROCTIME() AS x ON true')).toEqual([
      ['JOIN_LEFT b', now],
    ]);
    expect(await marks('a JOIN b AS x FOR SYSTEM_TIME AS OF now() ON true')).toEqual([['JOIN_INNER b', now]]);
    const text = 'SELECT \'é\', * FROM a l JOIN b FOR SYSTEM_TIME AS OF l."Ts" r ON l.x = r.x';
    const { joins } = await one(text, 'select');
    const [mark] = joins.values();
    expect(mark).toMatchObject({ kind: 'asOfTime', column: ['l', 'Ts'] });
    expect(text.slice(byteToIndex(text, (mark as { location: number }).location))).toMatch(/^l\."Ts"/);
    expect(await message('SELECT * FROM a FOR SYSTEM_TIME AS OF PROCTIME()')).toContain('stands behind the table');
    expect(await message('SELECT * FROM a JOIN b FOR SYSTEM_TIME AS OF 5 ON true')).toContain('at or near "5"');
  });
});

describe('other statements', () => {
  test('INSERT, DELETE, UPDATE', async () => {
    expect(await one('INSERT INTO t (b, a) VALUES (1, DEFAULT)', 'insert')).toMatchObject({
      target: { name: 't', location: 12 },
      columns: [{ name: 'b' }, { name: 'a' }],
    });
    expect((await one('INSERT INTO t SELECT 1', 'insert')).columns).toBeNull();
    expect(await one('INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING', 'insert')).toMatchObject({ keepsOld: true });
    expect(await one('INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = excluded.a', 'insert')).toMatchObject({
      keepsOld: false,
    });
    expect(await message('INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = excluded.b')).toContain(
      'ON CONFLICT DO UPDATE of this form: not supported',
    );
    expect((await one('INSERT INTO t VALUES (1) RETURNING *, a', 'insert')).returning).toHaveLength(2);
    expect((await one('WITH x AS (SELECT 1) INSERT INTO t TABLE x', 'insert')).select.withClause).toBeDefined();
    expect(await message('WITH x AS (SELECT 1) INSERT INTO t WITH y AS (SELECT 2) TABLE y')).toContain('WITH twice');
    expect(await one('DELETE FROM t x WHERE a = 1', 'delete')).toMatchObject({ target: { name: 't', alias: 'x' } });
    expect((await one('UPDATE t SET a = 1, b = DEFAULT', 'update')).set).toMatchObject([
      { name: 'a' },
      { name: 'b', value: null },
    ]);
    expect((await one('UPDATE t SET (a, b) = (1, c + 2)', 'update')).set).toMatchObject([
      { name: 'a', value: { A_Const: { ival: { ival: 1 } } } },
      { name: 'b', value: { A_Expr: {} } },
    ]);
    expect((await one('UPDATE t SET a = 1 FROM u, v', 'update')).from).toHaveLength(2);
    expect((await one('DELETE FROM t USING u', 'delete')).from).toHaveLength(1);
    expect(await one('TRUNCATE t', 'delete')).toMatchObject({ target: { name: 't' }, where: null });
    expect(await message('TRUNCATE t, u')).toContain('TRUNCATE of several tables: not supported');
    expect(await message('UPDATE t SET a[1] = 1')).toContain('SET of a part of a column: not supported');
    expect(await message('UPDATE t SET (a, b) = (VALUES (1, 2))')).toContain('SET of columns from VALUES or *');
  });

  test('DROP, SET, SHOW, DESCRIBE, FLUSH, SUBSCRIBE, EXPLAIN', async () => {
    expect(await one('DROP SOURCE IF EXISTS a, b CASCADE', 'drop')).toMatchObject({
      object: 'source',
      names: ['a', 'b'],
      ifExists: true,
      cascade: true,
    });
    expect((await one('DROP SINK a', 'drop')).object).toBe('sink');
    expect((await one('DROP MATERIALIZED VIEW public.a', 'drop')).object).toBe('materialized view');
    expect(await message('DROP MATERIALIZED VIEW other.a')).toContain('schema "other": not supported');
    expect(await one("SET a.b TO 'x', 2", 'set')).toMatchObject({ name: 'a.b', value: 'x, 2' });
    expect(await one("SET TIME ZONE 'UTC'", 'set')).toMatchObject({ name: 'timezone', value: 'UTC' });
    expect((await one('RESET a', 'set')).value).toBeNull();
    expect((await one('SHOW MATERIALIZED VIEWS', 'show')).what).toEqual({ list: 'materialized view' });
    expect((await one('SHOW CREATE MATERIALIZED VIEW v', 'show')).what).toEqual({ create: 'v', location: 30 });
    expect((await one('SHOW TIME ZONE', 'show')).what).toEqual({ setting: 'timezone' });
    expect((await one('DESCRIBE "V"', 'describe')).name).toBe('V');
    await one('FLUSH;', 'flush');
    expect((await one('SUBSCRIBE TO v', 'subscribe')).name).toBe('v');
    expect((await one('EXPLAIN v', 'explain')).name!.name).toBe('v');
    const explained = await one('EXPLAIN CREATE MATERIALIZED VIEW v AS SELECT 1 EMIT ON WINDOW CLOSE', 'explain');
    expect(explained.statement!.kind).toBe('createMaterializedView');
    expect(await message('EXPLAIN DROP TABLE a')).toContain('EXPLAIN of this statement');
    expect(await message('LISTEN a')).toContain('this statement: not supported');
    expect(await message('FLUSH all')).toContain('syntax error at or near "all"');
  });
});

describe('positions', () => {
  test('a caret stands in the whole text, behind other statements, non-ASCII text and what was taken out', async () => {
    const text = [
      "CREATE SOURCE s (é text, ts timestamp, WATERMARK FOR ts AS ts - INTERVAL $é$5 s$é$); -- 'ü",
      'CREATE TABLE ü (a int)',
      "  WITH (x = 'ééé') FORMAT PLAIN ENCODE JSON;",
      "SELECT 'ö' FROM a ASOF JOIN b frm frm;",
    ].join('\n');
    expect(await message(text.replace('$é$5 s$é$', "'5 s'"))).toBe(
      'f.sql:4:35: syntax error at or near "frm"\nLINE 4: SELECT \'ö\' FROM a ASOF JOIN b frm frm;\n' +
        '                                          ^',
    );
    await loadParser();
    const parts = splitStatements(text.replace(' frm frm', ' ON true'));
    const select = parseStatement(parts[2]!);
    expect(select.sql).toBe("SELECT 'ö' FROM a ASOF JOIN b ON true");
    const { from } = { from: (select as Kind<'select'>).select.fromClause![0]! };
    const at = 'JoinExpr' in from && 'RangeVar' in from.JoinExpr.rarg! ? from.JoinExpr.rarg.RangeVar.location! : 0;
    expect(parts[2]!.text.slice(byteToIndex(parts[2]!.text, at))).toBe('b ON true;');
  });

  test('misreadings stay refused', async () => {
    expect(await message('SELECT STREAM a FROM t')).toContain('SELECT STREAM: not supported');
    expect(await message("SELECT INTERVAL '10' MINUTES")).toContain("INTERVAL '10' MINUTES: not supported");
    expect(await message('SELECT 1 FROM t EMIT CHANGES')).toContain('a trailing EMIT: not supported');
  });

  test('what ends, and what goes on', async () => {
    await loadParser();
    expect(['SELECT 1;', '', '-- a', "SELECT ';';"].map(isComplete)).toEqual([true, true, true, true]);
    expect(['SELECT 1', "SELECT 'a;", 'SELECT "a;', '/* ;'].map(isComplete)).toEqual([false, false, false, false]);
    expect(splitStatements(' ; SELECT 1 ;; -- x\n SELECT 2 -- ;').map(({ sql }) => sql)).toEqual([
      'SELECT 1',
      'SELECT 2',
    ]);
    expect(splitStatements('-- only\n')).toEqual([]);
    expect(await message("SELECT 'a")).toContain('unterminated quoted string');
  });
});
