/** The examples of the guide are what they say: each page is held against itself with its answers made anew. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from '../tidy/sources.js';
import { rendered } from './pages.js';

const GUIDE = [
  'alerts',
  'anomalies',
  'guards',
  'joins',
  'sql',
  'tables',
  'testing',
  'time',
  'top-n',
  'views',
  'windows',
];
const PAGES = ['README.md', ...GUIDE.map((name) => `docs/guide/${name}.md`)];

describe('examples of the guide (vitest -u writes what comes out)', () => {
  test.each(PAGES)('%s', async (name) => {
    const file = join(root, name);
    await expect(await rendered(readFileSync(file, 'utf8'))).toMatchFileSnapshot(file);
  });
});

describe('a page', () => {
  test('gets the rows of its examples, each section in a session of its own', async () => {
    const page = [
      '```sql',
      'CREATE TABLE t (a int);',
      '```',
      '## One',
      '```sql',
      'INSERT INTO t VALUES (2), (1);',
      'SELECT a, NULL AS n FROM t;',
      '```',
      '',
      '| wrong |',
      '',
      '## Two',
      '```sql',
      'SELECT count(*) FROM t;',
      '```',
      '',
      '| wrong |',
      '```sql',
      'SELECT b FROM t;',
      '```',
      '',
      '```text',
      '```',
    ].join('\n');
    const out = await rendered(page);
    expect(out).toContain('| a | n |\n| --- | --- |\n| 1 | NULL |\n| 2 | NULL |\n\n## Two');
    expect(out).toContain('| count |\n| --- |\n| 0 |');
    expect(out).toContain('error SQL_UNKNOWN_COLUMN: line 1:8: column "b" does not exist');
  });

  test('whose statement fails is refused', async () => {
    await expect(rendered('```sql\nSELECT nope;\n```')).rejects.toThrow('column "nope" does not exist');
    await expect(rendered('```sql views\nCREATE MATERIALIZED VIEW v AS SELECT nope FROM events\n```')).rejects.toThrow(
      'nope',
    );
    await expect(rendered('```sql server\nSELEC 1\n```')).rejects.toThrow('syntax error');
    await expect(rendered('```sql other\nSELECT 1\n```')).rejects.toThrow('none that a test runs');
  });
});
