/** The shell of `millrace sql`, over a pipeline in memory. */
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { complete } from '../../src/cli/sql/completion.js';
import { readHistory, writeHistory } from '../../src/cli/sql/history.js';
import { MemoryBackend } from '../../src/cli/sql/memory-backend.js';
import { runShell } from '../../src/cli/sql/shell.js';

let errors = '';
beforeEach(() => {
  errors = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    errors += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

/** Types lines into a shell; answers what it printed. */
async function type(...lines: string[]): Promise<string> {
  const input = new PassThrough();
  const output = new PassThrough();
  input.end(`${lines.join('\n')}\n`);
  await runShell(
    new MemoryBackend(),
    { form: 'table', expanded: false, timing: false },
    { input, output, isTerminal: false, historyFile: null },
  );
  output.end();
  return (await output.toArray()).join('');
}

const TABLE = "CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'x'), (2, NULL);";

describe('the shell', () => {
  test('runs statements over several lines, several on a line, and leaves with \\q', async () => {
    expect(
      await type(TABLE, 'SELECT a,', "  ';' AS c", 'FROM t ORDER BY a; SELECT 1 AS one;', '\\q', 'SELECT 2;'),
    ).toBe('CREATE TABLE\nINSERT 0 2\na  c\n1  ;\n2  ;\n2 rows\none\n  1\n1 row\n');
  });

  test('goes on after an error, with line and caret', async () => {
    expect(await type('SELECT 1', '  FROM nowhere;', 'SELECT 1/0;', "SELECT 'on' AS goes;")).toBe('goes\non\n1 row\n');
    expect(errors).toBe(
      'error SQL_UNKNOWN_RELATION: line 2:8: relation "nowhere" does not exist\nLINE 2:   FROM nowhere;\n' +
        '               ^\nHINT: There are: late.\nerror SQL_RUNTIME: division by zero\n',
    );
  });

  test('\\d lists and describes, \\x turns, \\timing tells, \\? helps', async () => {
    const view = 'CREATE MATERIALIZED VIEW v AS SELECT b FROM t;';
    const printed = await type(TABLE, view, '\\d', '\\d t', '\\d nope', '\\x', 'SELECT * FROM t ORDER BY a;', '\\?');
    expect(printed).toContain(
      'name  kind               columns\nt     table              a, b\nv     materialized view  b\n',
    );
    expect(printed).toContain('column  type\na       integer\nb       text\n');
    expect(printed).toContain("there is no 'nope'; there are: t, v\n");
    expect(printed).toContain('one column a line: on\n-[ 1 ]\na | 1\nb | x\n-[ 2 ]\na | 2\nb | \n2 rows\n');
    expect(printed).toContain('SUBSCRIBE v;');
    expect(await type('\\timing', 'FLUSH;')).toMatch(/^timing: on\nFLUSH in \d+ ms\n$/);
  });

  test('SUBSCRIBE prints the changes of later statements', async () => {
    const view = 'CREATE MATERIALIZED VIEW v AS SELECT b, count(*) AS n FROM t GROUP BY b;';
    const printed = await type(
      TABLE,
      view,
      'SUBSCRIBE TO v;',
      "INSERT INTO t VALUES (3, 'x');",
      'DELETE FROM t WHERE a = 2;',
    );
    expect(printed.slice(printed.indexOf('changes of v'))).toBe(
      'changes of v; Ctrl-C ends it\n- b=x n=1\n+ b=x n=2\nINSERT 0 1\n- b= n=1\nDELETE 1\n',
    );
    await type(TABLE, 'SUBSCRIBE t;');
    expect(errors).toContain('"t" is no materialized view');
  });
});

describe('completion', () => {
  const relations = [{ name: 'clicks', kind: 'table', columns: [{ name: 'campaign', type: 'text' }] }];

  test('names, columns, keywords in the case that was begun, functions, commands', () => {
    expect(complete('SELECT * FROM cl', relations)).toEqual([['clicks'], 'cl']);
    expect(complete('SELECT camp', relations)[0]).toEqual(['campaign']);
    expect(complete('SEL', relations)[0]).toEqual(['SELECT']);
    expect(complete('sel', relations)[0]).toEqual(['select']);
    expect(complete('select date_tr', relations)[0]).toEqual(['date_trunc']);
    expect(complete('\\t', relations)).toEqual([['\\timing'], '\\t']);
    expect(complete('\\d c', relations)).toEqual([['clicks'], 'c']);
    expect(complete('SELECT ', relations)).toEqual([[], '']);
  });
});

describe('history', () => {
  test('is kept for its user alone, bounded, newest last', () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-history-'));
    const file = join(folder, '.millrace_history');
    expect(readHistory(file)).toEqual([]);
    const lines = Array.from({ length: 1_500 }, (_, i) => `SELECT ${i};`);
    writeHistory(file, lines);
    expect(readHistory(file)).toEqual(lines.slice(0, 1_000));
    expect(readFileSync(file, 'utf8').endsWith('SELECT 1;\nSELECT 0;\n')).toBe(true);
    if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
    rmSync(folder, { recursive: true });
  });
});
