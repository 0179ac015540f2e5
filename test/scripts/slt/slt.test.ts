/** The sqllogictest runner: what it reads, how it compares. The SQL itself is answered from a list here. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compareResult, type TextResult } from '../../../scripts/slt/compare.js';
import { parseRecords, readRecords } from '../../../scripts/slt/records.js';
import { runRecords, substitute, type SltReport } from '../../../scripts/slt/run.js';

type Answer = TextResult & { count?: number };

/** Rows of texts; the column types only matter for doubles. */
function answer(rows: readonly (readonly (string | null)[])[], types: readonly string[] = []): Answer {
  const width = rows[0]?.length ?? types.length;
  return { columns: Array.from({ length: width }, (_, i) => ({ name: `c${i}`, type: types[i] ?? 'text' })), rows };
}

async function run(
  text: string,
  answers: { readonly [sql: string]: Answer | Error } = {},
): Promise<SltReport & { log: string[] }> {
  const log: string[] = [];
  const report = await runRecords(parseRecords(text, '/a.slt'), {
    executor: {
      run: (sql) => {
        log.push(sql);
        const found = answers[sql] ?? answer([]);
        return found instanceof Error ? Promise.reject(found) : Promise.resolve(found);
      },
      advance: (ms) => Promise.resolve(void log.push(`advance ${ms}`)),
    },
    wait: (ms) => Promise.resolve(void log.push(`wait ${ms}`)),
    environment: { NAME: 'x' },
  });
  return { ...report, log };
}

describe('records', () => {
  test('statements, queries, conditions, sleep, halt', async () => {
    const { log, passed, skipped, failures } = await run(
      [
        '# a comment',
        'statement ok',
        'CREATE TABLE t',
        '(a int)',
        '',
        'onlyif risingwave',
        'statement ok',
        'A',
        '',
        'skipif millrace',
        'statement ok',
        'B',
        '',
        'skipif postgres',
        'onlyif millrace',
        'statement ok retry 3 backoff 1s',
        'C',
        '',
        'connection two',
        'hash-threshold 8',
        'subtest more',
        'control resultmode valuewise',
        'sleep 1.5s',
        '',
        'skipif millrace',
        'halt',
        '',
        'halt',
        '',
        'statement ok',
        'D',
      ].join('\n'),
    );
    expect(log).toEqual(['CREATE TABLE t\n(a int)', 'C', 'wait 1500', 'advance 1500']);
    expect([passed, skipped, failures]).toEqual([2, 2, []]);
  });

  test('errors: any, by pattern, by text of several lines', async () => {
    const answers = { A: new Error('line 1:1: no such thing\n\nHINT: Look.'), B: answer([]) };
    const text = (head: string, sql: string, more = ''): string => `${head}\n${sql}\n${more}\n\n\nstatement ok\nB\n`;
    expect((await run(text('statement error', 'A'), answers)).passed).toBe(2);
    expect((await run(text('query error such .*g', 'A'), answers)).passed).toBe(2);
    expect((await run(text('query error such', 'A', '----'), answers)).passed).toBe(2);
    expect((await run(text('statement error other', 'A'), answers)).failures).toHaveLength(1);
    expect((await run(text('statement error', 'B'), answers)).failures).toHaveLength(1);
    expect((await run(text('statement ok', 'A'), answers)).failures).toHaveLength(1);
    const whole = '----\nline 1:1: no such thing\n\nHINT: Look.';
    expect((await run(text('statement error', 'A', whole), answers)).passed).toBe(2);
    expect((await run(text('statement error (?i)SUCH', 'A'), answers)).passed).toBe(2);
    expect((await run(text('statement error SUCH', 'A'), answers)).failures).toHaveLength(1);
    // DuckDB ends the text by one blank line.
    expect((await run(`statement error\nA\n${whole}\n\nstatement ok\nB\n`, answers)).passed).toBe(2);
    expect((await run('statement maybe\nA\n\nstatement maybe\nB\n', answers)).passed).toBe(2);
    expect((await run(text('statement error', 'A', '----\nline 1:1'), answers)).failures[0]).toMatchObject({
      place: { file: '/a.slt', line: 1 },
      sql: 'A',
      expected: 'line 1:1',
    });
  });

  test('counts', async () => {
    const answers = { A: { ...answer([]), count: 2 } };
    expect((await run('statement count 2\nA\n', answers)).passed).toBe(1);
    expect((await run('statement count 3\nA\n', answers)).failures).toHaveLength(1);
    expect((await run('statement count 0\nB\n', answers)).passed).toBe(1);
    expect((await run('query I\nA\n----\n2\n', answers)).passed).toBe(1);
    expect((await run('query I\nA\n----\n3\n', answers)).failures).toHaveLength(1);
  });

  test('labels: the same rows again', async () => {
    const answers = { A: answer([['1']]), B: answer([['2']]) };
    expect(
      (await run('query I nosort x\nA\n----\n1\n\nquery I nosort x\nB\n----\n2\n', answers)).failures,
    ).toHaveLength(1);
    expect((await run('query I nosort x\nA\n----\n1\n\nquery I nosort x\nA\n----\n1\n', answers)).passed).toBe(2);
  });

  test('include, relative and with a pattern', () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-slt-'));
    mkdirSync(join(folder, 'parts'));
    writeFileSync(join(folder, 'main.slt'), 'include parts/*.part\n\nstatement ok\nlast\n');
    writeFileSync(join(folder, 'parts', 'b.part'), 'statement ok\nb\n');
    writeFileSync(join(folder, 'parts', 'a.part'), '\nstatement ok\na\n');
    writeFileSync(join(folder, 'parts', 'c.other'), 'nonsense\n');
    const records = readRecords(join(folder, 'main.slt'));
    rmSync(folder, { recursive: true });
    expect(records.map((record) => (record.kind === 'sql' ? [record.sql, record.place.line] : []))).toEqual([
      ['a', 2],
      ['b', 1],
      ['last', 3],
    ]);
  });

  test.each([
    ['statement perhaps\nA\n', 'statement is ok, error, maybe or count N'],
    ['include nowhere/*.slt\n', 'there is no file nowhere/*.slt'],
    ['foreach x\n\nendloop\n', 'no values: foreach x'],
    ['let\n\nA\n', 'a record without SQL'],
    ['statement ok\n\nA\n', 'a record without SQL'],
    ['statement error (\nA\n', 'no regular expression'],
    ['sleep soon\n', 'no duration'],
    ['nonsense\n', '"nonsense" begins no record'],
    ['control sortmode up\n', 'control sortmode up is not known'],
  ])('not sqllogictest: %j', (text, message) => {
    expect(() => parseRecords(text, '/a.slt')).toThrow(`/a.slt:1: ${message}`.replace(':1: a record', ':2: a record'));
  });

  test('loops, one in another, with the lines of their records', () => {
    const text = 'loop i 1 3\n\nforeach x a b\n\nstatement ok\n{i} ${x}\n\nendloop\n\nendloop\n\nstatement ok\nlast\n';
    const records = parseRecords(text, '/a.slt');
    expect(records.map((record) => (record.kind === 'sql' ? [record.sql, record.place.line] : []))).toEqual([
      ['1 a', 5],
      ['1 b', 5],
      ['2 a', 5],
      ['2 b', 5],
      ['last', 12],
    ]);
    expect(() => parseRecords('loop i 0 2\n\nstatement ok\nA\n', '/a.slt')).toThrow('a loop without endloop');
  });

  test('let: a row of a query is what names stand for', async () => {
    const answers = { A: answer([['7', null]]), B: answer([['1'], ['2']]) };
    const bound = await run('control substitution on\n\nlet x, y\nA\n\nstatement ok\n$x ${y} $NAME\n', answers);
    expect([bound.log, bound.passed]).toEqual([['A', '7 NULL x'], 2]);
    expect((await run('let x\nB\n', answers)).failures).toMatchObject([{ actual: 'let takes one row of 1 columns' }]);
  });

  test('left out: commands, what a file requires and is not here, between mode skip and unskip', async () => {
    const { log, skipped } = await run(
      [
        'system ok\necho 1',
        'require json',
        'statement ok\nA',
        'mode skip',
        'statement ok\nB',
        'let x\nB',
        'mode unskip',
        'statement ok\nC',
        'require parquet',
        'statement ok\nD',
      ].join('\n\n'),
    );
    expect([log, skipped]).toEqual([['A', 'C'], 4]);
  });

  test('substitution', async () => {
    const { log } = await run('control substitution on\n\nstatement ok\nA $NAME ${NAME} ${OTHER:y} \\$NAME $1\n');
    expect(log).toEqual(['A x x y $NAME $1']);
    expect(() => substitute('$OTHER', {})).toThrow('$OTHER is not set');
    expect((await run('statement ok\nA $NAME\n')).log).toEqual(['A $NAME']);
  });
});

describe('results', () => {
  const compare = (
    result: Answer,
    lines: readonly string[],
    sort: 'nosort' | 'rowsort' | 'valuesort' = 'nosort',
    types = '',
    isExact = true,
  ): boolean => compareResult(result, { types, lines, sort }, isExact) === null;
  const compareAny = (result: Answer, lines: readonly string[]): boolean => compare(result, lines, 'nosort', '', false);

  test('a row a line, white space normalised, NULL and (empty)', () => {
    const rows = answer([
      ['1', null, ''],
      ['2', 'a  b', 't'],
    ]);
    expect(compare(rows, ['1  NULL (empty)', '2\ta b t'])).toBe(true);
    expect(compare(rows, ['2 a b t', '1 NULL (empty)'])).toBe(false);
    expect(compare(rows, ['2 a b t', '1 NULL (empty)'], 'rowsort')).toBe(true);
    expect(compare(rows, ['1 NULL (empty)'])).toBe(false);
    expect(compare(answer([]), [])).toBe(true);
    expect(compare(answer([]), ['1'])).toBe(false);
  });

  test('a value a line', () => {
    const rows = answer([
      ['2', 'b'],
      ['1', 'c'],
    ]);
    expect(compare(rows, ['2', 'b', '1', 'c'])).toBe(true);
    expect(compare(rows, ['1', 'c', '2', 'b'])).toBe(false);
    expect(compare(rows, ['1', 'c', '2', 'b'], 'rowsort')).toBe(true);
    expect(compare(rows, ['1', '2', 'b', 'c'], 'valuesort')).toBe(true);
    expect(compare(answer([['1.5', '7']], ['numeric']), ['1.500', '7'], 'nosort', 'RI')).toBe(true);
    expect(compare(answer([['1.5', '7']]), ['1.501', '7'], 'nosort', 'RI')).toBe(false);
  });

  test('numerics by their value, however many zeros they show; other columns by their text', () => {
    const rows = answer(
      [
        ['10', '4.0000000000000000', '1.50'],
        ['2', '0.30', '1.50'],
      ],
      ['integer', 'numeric', 'text'],
    );
    expect(compare(rows, ['10 4 1.50', '2 0.3 1.50'])).toBe(true);
    expect(compare(rows, ['10 4 1.5', '2 0.3 1.50'])).toBe(false);
    expect(compare(rows, ['10 4.01 1.50', '2 0.3 1.50'])).toBe(false);
  });

  test('values as other engines print them, unless they must be exact', () => {
    const rows = answer(
      [['t', '2024-01-01 10:00:00', '{1,NULL,"a b"}', '\\x01', '2024-01-01 10:00:00+00']],
      ['boolean', 'timestamp without time zone', 'text[]', 'bytea', 'timestamp with time zone'],
    );
    const printed = '2024-01-01T10:00:00 [1, NULL, a b] 01 2024-01-01T10:00:00Z';
    expect(compareAny(rows, [`true ${printed}`])).toBe(true);
    expect(compareAny(rows, [`1 ${printed}`])).toBe(true);
    expect(compareAny(rows, [`false ${printed}`])).toBe(false);
    expect(compare(rows, [`true ${printed}`])).toBe(false);
    expect(compareAny(answer([['t', '2024-01-01 10:00:00']]), ['true 2024-01-01T10:00:00'])).toBe(false);
  });

  test('numbers rounded to what is shown, from six digits', () => {
    const numbers = answer([['4633.3333333333333333', '0.1411200080598672']], ['numeric', 'double precision']);
    expect(compareAny(numbers, ['4633.333333 0.14112000806'])).toBe(true);
    expect(compareAny(numbers, ['4633.333334 0.14112000806'])).toBe(false);
    expect(compareAny(numbers, ['4633.33333 0.14112000806'])).toBe(false);
    expect(compare(numbers, ['4633.333333 0.14112000806'])).toBe(false);
  });

  test('hashes', () => {
    const values = ['1', '2', '10'];
    const md5 = createHash('md5').update('1\n2\n10\n').digest('hex');
    expect(compare(answer(values.map((value) => [value])), [`3 values hashing to ${md5}`])).toBe(true);
    expect(compare(answer([...values].reverse().map((value) => [value])), [`3 values hashing to ${md5}`])).toBe(false);
    const sorted = createHash('md5').update('1\n10\n2\n').digest('hex');
    expect(compare(answer(values.map((value) => [value])), [`3 values hashing to ${sorted}`], 'valuesort')).toBe(true);
  });

  test('doubles within 1e-9, UTC in both spellings, nothing else', () => {
    const third = answer([['0.3333333333333333']], ['double precision']);
    expect(compare(third, ['0.33333333333'])).toBe(true);
    expect(compare(third, ['0.333333'])).toBe(false);
    expect(compare(answer([['0.3333333333333333']], ['numeric']), ['0.33333333333'])).toBe(false);
    const utc = answer([['2024-01-01 00:00:00+00', 'x']]);
    expect(compare(utc, ['2024-01-01 00:00:00+00:00 x'])).toBe(true);
    expect(compare(utc, ['2024-01-01 00:00:00+00 x'])).toBe(true);
    expect(compare(utc, ['2024-01-01 00:00:00+01 x'])).toBe(false);
  });
});
