/** What a tenant's key must not reach: every way out of its own rows that we could think of. */
import { beforeAll, describe, expect, it } from 'vitest';
import { bindStatement } from '../../../src/serve/query/binder.js';
import { streamRelation, viewRelation, type Catalog } from '../../../src/serve/query/catalog.js';
import { printQuery, type PrintContext } from '../../../src/serve/query/print.js';
import { MillraceError } from '../../../src/util/errors.js';
import { loadParser } from '../../../src/util/sql-text.js';
import { EVENTS, INTERNAL, viewDescription } from './fixture.js';

const catalog: Catalog = new Map(
  [
    streamRelation('events', EVENTS),
    streamRelation('internal', INTERNAL),
    viewRelation(viewDescription('traffic')),
    viewRelation(viewDescription('totals', true)),
  ].map((relation) => [relation.name, relation]),
);

function bind(sql: string, tenant: string | null = 'acme') {
  return bindStatement({ text: sql }, catalog, tenant, 0);
}

function print(sql: string, tenant: string | null = 'acme'): string {
  const context: PrintContext = {
    tenant,
    sourceOf: ({ relation }) => ({ parts: [{ table: `SOURCE_${relation.name}`, condition: null }] }),
  };
  return printQuery(bind(sql, tenant).query, context);
}

function codeOf(sql: string, tenant: string | null = 'acme'): string {
  try {
    print(sql, tenant);
  } catch (error) {
    if (error instanceof MillraceError) return error.code;
    throw error;
  }
  return 'accepted';
}

beforeAll(loadParser);

describe('files and functions of the engine', () => {
  it.each([
    "SELECT * FROM read_parquet('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('x')",
    "SELECT * FROM read_json('x')",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM parquet_scan('x')",
    "SELECT * FROM parquet_metadata('x')",
    "SELECT * FROM glob('/**')",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM query_table('traffic')",
    "SELECT * FROM sniff_csv('x')",
    'SELECT * FROM pragma_version()',
    'SELECT * FROM duckdb_settings()',
    'SELECT * FROM duckdb_secrets()',
    'SELECT * FROM duckdb_tables()',
    "SELECT * FROM pragma_table_info('traffic')",
    "SELECT getenv('HOME')",
    "SELECT current_setting('memory_limit')",
    "SELECT set_config('a', 'b', false)",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    'SELECT pg_sleep(100)',
    "SELECT nextval('s')",
    "SELECT error('x')",
    "SELECT query('SELECT 1')",
    "SELECT eval('1')",
    'SELECT version()',
    'SELECT current_user',
    'SELECT session_user',
    'SELECT random()',
    'SELECT list_transform(labels, x -> x) FROM events',
    "SELECT json_extract(props, '$') FROM events",
    "SELECT pg_catalog.lower('X')",
    'SELECT "read_text"(\'/etc/passwd\')',
    "SELECT (SELECT content FROM read_text('/etc/passwd'))",
    "SELECT * FROM traffic, LATERAL read_text('/etc/passwd')",
    "SELECT * FROM traffic WHERE EXISTS (SELECT 1 FROM read_text('/etc/passwd'))",
    "SELECT * FROM ROWS FROM (read_text('/etc/passwd'), generate_series(1, 2))",
  ])('%s', (sql) => {
    expect(['SQL_UNKNOWN_FUNCTION', 'SQL_UNSUPPORTED', 'SQL_SYNTAX', 'SQL_UNKNOWN_COLUMN']).toContain(codeOf(sql));
    expect(codeOf(sql, null)).not.toBe('accepted');
  });
});

describe('relations that are not in the catalog', () => {
  it.each([
    'SELECT * FROM secrets',
    'SELECT * FROM information_schema.tables',
    'SELECT * FROM pg_catalog.pg_class',
    'SELECT * FROM pg_class',
    'SELECT * FROM duckdb_tables',
    'SELECT * FROM sqlite_master',
    'SELECT * FROM main.traffic',
    'SELECT * FROM memory.main.traffic',
    'SELECT * FROM "main"."traffic"',
    'SELECT * FROM public.traffic',
    'SELECT * FROM "Traffic"',
    'SELECT * FROM "TRAFFIC"',
    'SELECT * FROM "traffic "',
    `SELECT * FROM "/etc/passwd"`,
    `SELECT * FROM '/etc/passwd'`,
    `SELECT * FROM "data/x.parquet"`,
    'SELECT * FROM t1',
    'SELECT * FROM q1',
    'SELECT * FROM "SOURCE_traffic"',
    'TABLE secrets',
    'WITH x AS (SELECT * FROM secrets) SELECT 1 FROM x',
    'SELECT 1 UNION ALL SELECT count(*) FROM secrets',
    'SELECT (SELECT count(*) FROM secrets)',
    'SELECT 1 FROM traffic ORDER BY (SELECT count(*) FROM secrets)',
    'SELECT 1 FROM traffic GROUP BY (SELECT count(*) FROM secrets)',
    'SELECT 1 FROM traffic LIMIT (SELECT count(*) FROM secrets)',
    'SELECT sum(impressions) FILTER (WHERE EXISTS (SELECT 1 FROM secrets)) FROM traffic',
    'SELECT CASE WHEN true THEN (SELECT 1 FROM secrets) END',
    'SELECT * FROM (VALUES ((SELECT 1 FROM secrets))) v',
    'SELECT * FROM traffic JOIN traffic t ON EXISTS (SELECT 1 FROM secrets)',
    'SELECT 1 FROM traffic HAVING (SELECT true FROM secrets)',
    'SELECT row_number() OVER (ORDER BY (SELECT 1 FROM secrets)) FROM traffic',
    "SELECT ARRAY[(SELECT 'a' FROM secrets)]",
    "SELECT 'a' = ANY (SELECT a FROM secrets)",
  ])('%s', (sql) => {
    expect(['SQL_UNKNOWN_RELATION', 'SQL_SYNTAX', 'SQL_TYPE', 'SQL_UNSUPPORTED']).toContain(codeOf(sql));
    expect(codeOf(sql, null)).not.toBe('accepted');
  });

  it('says that rows of all tenants take an operator', () => {
    for (const sql of [
      'SELECT * FROM totals',
      'SELECT * FROM internal',
      'WITH a AS (SELECT * FROM totals) SELECT * FROM a',
      'SELECT 1 WHERE EXISTS (SELECT 1 FROM internal)',
      'SELECT 1 UNION SELECT 2 FROM totals',
    ]) {
      expect(codeOf(sql)).toBe('KEY_FORBIDDEN');
      expect(codeOf(sql, null)).toBe('accepted');
    }
  });
});

describe('statements that are no SELECT', () => {
  it.each([
    "COPY traffic TO '/tmp/x'",
    "COPY (SELECT 1) TO '/tmp/x'",
    "ATTACH 'x.db'",
    "ATTACH DATABASE 'x' AS y",
    'SET memory_limit = 1',
    'SET ROLE postgres',
    'RESET ALL',
    'INSTALL httpfs',
    'LOAD httpfs',
    'PRAGMA version',
    'CALL pragma_version()',
    'EXPLAIN SELECT 1',
    'EXPLAIN ANALYZE SELECT * FROM traffic',
    'DELETE FROM traffic',
    'UPDATE traffic SET campaign = 1',
    'INSERT INTO traffic VALUES (1)',
    'DROP TABLE traffic',
    'CREATE TABLE x AS SELECT 1',
    'CREATE VIEW x AS SELECT 1',
    'SELECT 1 INTO x',
    'SELECT * INTO x FROM traffic',
    'TRUNCATE traffic',
    'VACUUM',
    'CHECKPOINT',
    'BEGIN',
    'COMMIT',
    'PREPARE p AS SELECT 1',
    'EXECUTE p',
    "DO 'x'",
    "EXPORT DATABASE 'x'",
    'SELECT 1; SELECT 2',
    "SELECT 1; COPY (SELECT 1) TO '/tmp/x'",
    'SELECT * FROM traffic FOR UPDATE',
    'WITH x AS (DELETE FROM traffic RETURNING *) SELECT * FROM x',
    'WITH x AS (INSERT INTO traffic VALUES (1) RETURNING *) SELECT * FROM x',
    'WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT 1 FROM x) SELECT * FROM x',
    'SELECT * FROM traffic TABLESAMPLE SYSTEM (10)',
    'SELECT * FROM ONLY traffic',
    'SELECT * FROM traffic NATURAL JOIN traffic t',
    'SELECT $1',
    '',
    '   ',
    '-- nothing',
    'SELECT',
  ])('%s', (sql) => {
    expect(['SQL_UNSUPPORTED', 'SQL_SYNTAX', 'SQL_UNKNOWN_RELATION', 'SQL_UNKNOWN_COLUMN']).toContain(
      codeOf(sql, null),
    );
  });

  it('points at what is wrong', () => {
    expect(() => bind('SELECT impressions,\n       nothing FROM traffic')).toThrow(
      /line 2:8: column "nothing" does not exist\nLINE 2: {8}nothing FROM traffic\n {15}\^/,
    );
    expect(() => bind('SELECT 1 FROM trafic')).toThrow(/relation "trafic" does not exist/);
    expect(() => bind('SELECT lenght(campaign) FROM traffic')).toThrow(/function lenght does not exist[\s\S]*length/);
  });
});

/** Every place where a relation's rows come in, with what is put on it. */
function sources(text: string): string[] {
  return [...text.matchAll(/FROM SOURCE_(\w+)( WHERE "[a-z_]+" = '[^']*')?/g)].map((match) => match[0]);
}

describe("the tenant's predicate", () => {
  it.each([
    'SELECT * FROM traffic',
    'SELECT count(*) FROM traffic',
    "SELECT * FROM traffic WHERE tenant_id = 'bolt' OR true",
    'SELECT * FROM traffic a, traffic b',
    'SELECT * FROM traffic a JOIN events b ON a.tenant_id = b.tenant_id',
    'SELECT * FROM traffic a LEFT JOIN traffic b USING (campaign)',
    'SELECT * FROM traffic a FULL JOIN traffic b ON true',
    'SELECT * FROM traffic UNION ALL SELECT * FROM traffic EXCEPT SELECT * FROM traffic',
    'SELECT (SELECT max(impressions) FROM traffic b WHERE b.campaign = a.campaign) FROM traffic a',
    'SELECT * FROM traffic WHERE impressions IN (SELECT impressions FROM traffic)',
    'SELECT * FROM traffic WHERE EXISTS (SELECT 1 FROM events)',
    'SELECT * FROM traffic WHERE impressions > ALL (SELECT clicks FROM events)',
    'SELECT * FROM traffic a, LATERAL (SELECT * FROM events e WHERE e.event_time > a.window_start) x',
    'WITH traffic AS (SELECT * FROM traffic) SELECT * FROM traffic',
    'WITH a AS (SELECT * FROM traffic), b AS (SELECT * FROM a JOIN events ON true) SELECT * FROM b, a',
    'WITH events AS (SELECT 1 AS x) SELECT * FROM events, traffic',
    'SELECT 1 FROM traffic GROUP BY (SELECT count(*) FROM events)',
    'SELECT campaign FROM traffic GROUP BY campaign HAVING sum(impressions) > (SELECT 1 FROM events)',
    'SELECT sum(impressions) FILTER (WHERE impressions > (SELECT max(clicks) FROM events)) FROM traffic',
    'SELECT rank() OVER (ORDER BY (SELECT max(clicks) FROM events)) FROM traffic',
    'SELECT CASE WHEN EXISTS (SELECT 1 FROM events) THEN 1 END FROM traffic ORDER BY (SELECT max(clicks) FROM events)',
    'SELECT * FROM (SELECT * FROM (SELECT * FROM traffic) a) b',
    'VALUES ((SELECT max(impressions) FROM traffic))',
    'SELECT ARRAY[(SELECT max(campaign) FROM traffic)]',
    'SELECT x FROM traffic, unnest(ARRAY[(SELECT max(note) FROM events)]) x',
    'SELECT coalesce((SELECT max(note) FROM events), campaign) || (SELECT max(note) FROM events) FROM traffic',
    "SELECT * FROM traffic /* WHERE tenant_id = 'acme' */ -- AND tenant_id = 'acme'",
    'SELECT DISTINCT ON (campaign) * FROM traffic ORDER BY campaign, (SELECT max(clicks) FROM events)',
  ])('%s', (sql) => {
    const text = print(sql);
    const found = sources(text);
    expect(found.length).toBe((text.match(/SOURCE_/g) ?? []).length);
    expect(found.length).toBeGreaterThan(0);
    for (const one of found) expect(one).toMatch(/ WHERE "(tenant|tenant_id)" = 'acme'$/);
    expect(found.length).toBe(bind(sql).bases.length);
  });

  it('lets a CTE shadow a relation only where it is in scope', () => {
    expect(sources(print('WITH traffic AS (SELECT 1 AS x) SELECT * FROM traffic'))).toEqual([]);
    expect(
      sources(print('SELECT * FROM (WITH traffic AS (SELECT 1 AS x) SELECT * FROM traffic) a, traffic b')),
    ).toEqual([`FROM SOURCE_traffic WHERE "tenant" = 'acme'`]);
    expect(
      sources(print('WITH a AS (SELECT * FROM traffic), traffic AS (SELECT 1 AS x) SELECT * FROM a, traffic')),
    ).toEqual([`FROM SOURCE_traffic WHERE "tenant" = 'acme'`]);
    expect(codeOf('WITH secrets AS (SELECT 1) SELECT * FROM (WITH other AS (SELECT 1) SELECT * FROM secrets) a')).toBe(
      'accepted',
    );
    expect(codeOf('SELECT * FROM (WITH secrets AS (SELECT 1 AS x) SELECT * FROM secrets) a, secrets')).toBe(
      'SQL_UNKNOWN_RELATION',
    );
  });

  it('keeps quotes in literals and names', () => {
    const text = print(
      `SELECT 'it''s; -- \\' AS "a""b; DROP", "campaign" AS "t1"."x" FROM traffic`.replace('"t1"."x"', '"t1.x"'),
    );
    expect(text).toContain(`'it''s; -- \\'`);
    expect(text).not.toContain('DROP');
    expect(text).not.toContain('t1.x');
    expect(() => print("SELECT * FROM traffic WHERE campaign = 'a\0b'")).toThrow(/NUL/);
  });

  it('prints none of the names that a user wrote', () => {
    const text = print(
      'WITH secretname AS (SELECT impressions AS othername FROM traffic AS aliasname) SELECT s.othername FROM secretname AS s ORDER BY othername',
    );
    expect(text).not.toMatch(/secretname|othername|aliasname/);
  });
});

describe('large and deep statements', () => {
  const repeated: Record<string, (n: number) => string> = {
    parentheses: (n) => `SELECT ${'('.repeat(n)}1${')'.repeat(n)}`,
    sums: (n) => `SELECT ${new Array(n).fill('1').join('+')}`,
    nots: (n) => `SELECT ${'NOT '.repeat(n)}true`,
    subqueries: (n) => `SELECT ${'(SELECT '.repeat(n)}1${')'.repeat(n)}`,
    'FROM subqueries': (n) => `${'SELECT * FROM ('.repeat(n)}SELECT 1 AS x${') a'.repeat(n)}`,
    unions: (n) => new Array(n).fill('SELECT 1').join(' UNION ALL '),
    joins: (n) =>
      `SELECT 1 FROM traffic ${new Array(n)
        .fill(0)
        .map((_, index) => `JOIN traffic t${index} ON true`)
        .join(' ')}`,
    casts: (n) => `SELECT 1${'::int'.repeat(n)}`,
    calls: (n) => `SELECT ${'abs('.repeat(n)}1${')'.repeat(n)}`,
    divisions: (n) => `SELECT ${'1.5/('.repeat(n)}2.5${')'.repeat(n)}`,
    cases: (n) => `SELECT ${'CASE WHEN true THEN '.repeat(n)}1${' END'.repeat(n)}`,
    betweens: (n) => `SELECT ${'('.repeat(n)}true${' BETWEEN false AND true)'.repeat(n)}`,
    'list of numbers': (n) => `SELECT 1 IN (${new Array(n).fill('1').join(',')})`,
    ands: (n) => `SELECT 1 WHERE ${new Array(n).fill('true').join(' AND ')}`,
    columns: (n) => `SELECT ${new Array(n).fill('1').join(',')}`,
    spaces: (n) => `SELECT 1${' '.repeat(n * 10)}`,
  };
  it.each(Object.keys(repeated))(
    '%s',
    (name) => {
      for (const n of [10, 100, 1_000, 3_000, 10_000, 60_000]) {
        const code = codeOf(repeated[name]!(n));
        expect(['accepted', 'QUERY_TOO_LARGE', 'SQL_SYNTAX', 'SQL_UNSUPPORTED']).toContain(code);
        if (n === 10) expect(code).toBe('accepted');
      }
      // Whatever happened, the parser still works.
      expect(codeOf('SELECT 1')).toBe('accepted');
    },
    60_000,
  );
});
