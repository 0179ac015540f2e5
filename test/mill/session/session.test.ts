/** A pipeline in memory: what golden files can't say. */
import { describe, expect, test } from 'vitest';
import { jsonOf, textOf } from '../../../src/mill/session/print.js';
import { Session } from '../../../src/mill/session/session.js';
import { SourceClock } from '../../../src/mill/session/source-clock.js';
import { Decimal } from '../../../src/sql/decimal.js';

async function rows(session: Session, sql: string): Promise<unknown[]> {
  const result = (await session.execute(sql)).at(-1)!;
  const texts = result.columns.map(({ type }) => textOf(type));
  return result.rows.map((row) => row.map((value, i) => texts[i]!(value)));
}

describe('a session', () => {
  test('answers each statement with tag, columns and count', async () => {
    const results = await new Session().execute(
      'CREATE TABLE t (a int, b numeric(6,2)); INSERT INTO t VALUES (1, 2.5), (2, NULL); SELECT b, a FROM t ORDER BY a; DROP TABLE t',
    );
    expect(results.map(({ tag, count }) => [tag, count])).toEqual([
      ['CREATE TABLE', undefined],
      ['INSERT 0 2', 2],
      ['SELECT 2', undefined],
      ['DROP TABLE', undefined],
    ]);
    expect(results[2]!.columns).toEqual([
      { name: 'b', type: 'numeric' },
      { name: 'a', type: 'integer' },
    ]);
    expect(results[2]!.rows).toEqual([
      [new Decimal(250n, 2), 1],
      [null, 2],
    ]);
  });

  test('runs up to the statement that fails; that one changes nothing', async () => {
    const session = new Session();
    await expect(
      session.execute(
        'CREATE TABLE t (a int); INSERT INTO t VALUES (1); INSERT INTO t VALUES (2), (1/0); INSERT INTO t VALUES (3)',
      ),
    ).rejects.toMatchObject({ code: 'SQL_RUNTIME', message: 'division by zero' });
    expect(await rows(session, 'SELECT a FROM t')).toEqual([['1']]);
    const view = 'CREATE MATERIALIZED VIEW v AS SELECT nope FROM t';
    await expect(session.execute(view, 'v.sql')).rejects.toMatchObject({ place: 'v.sql:1:38' });
    expect(session.entries().map(({ name }) => name)).toEqual(['t']);
  });

  test('rows are bounded, and refused as a whole', async () => {
    const session = new Session({ rowsMax: 3 });
    await session.execute('CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)');
    await expect(session.execute('INSERT INTO t VALUES (3), (4)')).rejects.toMatchObject({ code: 'SQL_RUNTIME' });
    expect(await rows(session, 'SELECT count(*) FROM t')).toEqual([['2']]);
    await session.execute('INSERT INTO t VALUES (3)');
  });

  test('a query whose state has no room is refused; a view puts the rows aside', async () => {
    const session = new Session({ stateBytesMax: 60_000 });
    await session.execute(
      'CREATE TABLE t (a int); CREATE MATERIALIZED VIEW v AS SELECT a, count(*) AS n FROM t GROUP BY a',
    );
    for (let i = 0; i < 10; i++)
      session.insert(
        't',
        Array.from({ length: 100 }, (_, n) => [i * 100 + n]),
      );
    const [[kept]] = (await rows(session, 'SELECT count(*) FROM v')) as [[string]];
    expect(Number(kept)).toBeLessThan(1_000);
    expect(Number(kept)).toBeGreaterThan(0);
    expect(await rows(session, 'SELECT DISTINCT reason FROM late')).toEqual([['state_full']]);
    await expect(session.execute('SELECT a, count(*) FROM t GROUP BY a')).rejects.toMatchObject({
      code: 'QUERY_TOO_LARGE',
    });
  });

  test('subscribers are told of changes until they stop', async () => {
    const session = new Session();
    await session.execute('CREATE TABLE t (k int PRIMARY KEY, v text); CREATE MATERIALIZED VIEW m AS SELECT v FROM t');
    const changes: string[] = [];
    const stop = session.subscribe('m', (operation, row) => changes.push(`${operation}${String(row[0])}`));
    await session.execute(
      "INSERT INTO t VALUES (1, 'a'), (2, 'b'); UPDATE t SET v = 'c' WHERE k = 1; DELETE FROM t WHERE k = 2",
    );
    stop();
    await session.execute('DELETE FROM t');
    expect(changes).toEqual(['+a', '+b', '-a', '+c', '-b']);
    expect(() => session.subscribe('t', () => undefined)).toThrow('"t" is no materialized view; there are: m');
  });

  test('a view of closed windows shows nothing before, whatever is asked of it', async () => {
    const session = new Session({ clockMs: 0 });
    await session.execute(
      `CREATE TABLE t (at timestamp);
       CREATE MATERIALIZED VIEW m WITH (emit = 'close', watermark_lag = '1 second') AS
       SELECT window_start, count(*) AS n FROM TUMBLE(t, at, INTERVAL '1 second') GROUP BY window_start;
       INSERT INTO t VALUES ('1970-01-01 00:00:00.5')`,
    );
    session.advance(2_000);
    expect(await rows(session, 'SELECT n FROM m')).toEqual([]);
    session.advance(1);
    expect(await rows(session, 'SELECT n FROM m')).toEqual([['1']]);
    expect(() => session.setClock(0)).toThrow('the clock can not go back');
  });

  test('values given as values keep the rules of their columns', async () => {
    const session = new Session();
    await session.execute('CREATE TABLE t (a numeric(4,1) NOT NULL, b varchar(2), twice numeric AS a * 2)');
    session.insert('t', [[new Decimal(125n, 2), 'ab', null]]);
    expect(await rows(session, 'SELECT * FROM t')).toEqual([['1.3', 'ab', '2.6']]);
    expect(() => session.insert('t', [[null, 'a', null]])).toThrow('null value in column "a"');
    expect(() => session.insert('t', [[new Decimal(1n, 0), 'abc', null]])).toThrow('value too long');
    expect(() => session.insert('nope', [])).toThrow('relation "nope" does not exist');
  });
});

describe('the clock of a source', () => {
  test('of arrival is the session clock; of events their largest time less the delay, and it goes on when they do not', () => {
    const arrival = new SourceClock('arrival', 0, 100);
    expect(arrival.stamp(5_000)).toBe(100);
    arrival.advance(10);
    expect(arrival.stamp(null)).toBe(110);
    const event = new SourceClock('event', 5, 100);
    event.advance(50);
    expect([event.stamp(10), event.stamp(8), event.stamp(null), event.stamp(20), event.stamp(0)]).toEqual([
      -Infinity,
      5,
      5,
      5,
      15,
    ]);
    event.advance(100);
    expect(event.now).toBe(115);
    event.stamp(100);
    expect(event.now).toBe(115);
  });
});

test('values in JSON are as the API answers them', () => {
  expect(jsonOf('bigint')(2n ** 60n)).toBe('1152921504606846976');
  expect(jsonOf('double precision')(Infinity)).toBe('Infinity');
  expect(jsonOf('numeric')(new Decimal(150n, 2))).toBe('1.50');
  expect(jsonOf('timestamptz')(0)).toBe('1970-01-01T00:00:00Z');
  expect(jsonOf('timestamp')(0.001)).toBe('1970-01-01T00:00:00.000001');
  expect(jsonOf('jsonb')('{"a": [1]}')).toEqual({ a: [1] });
  expect(jsonOf('integer[]')([1, null])).toEqual([1, null]);
  expect(jsonOf('boolean')(false)).toBe(false);
  expect(jsonOf('date')(1)).toBe('1970-01-02');
  expect(textOf('boolean')(true)).toBe('t');
  expect(textOf('integer')(null)).toBeNull();
});
