/** The reference's list of statements. */
import { expect, test } from 'vitest';
import { STATEMENTS } from '../../scripts/sql-statements.js';
import { readSqlFiles } from '../../src/sql/sql-files.js';
import { parseStatements } from '../../src/sql/statements/parse.js';

/** What an INSERT is into. */
const TABLE = 'CREATE TABLE t (k text PRIMARY KEY, n bigint)';

test.each(STATEMENTS.map((entry) => [entry.example, entry] as const))('%s', async (example, { inFiles, kind }) => {
  const [statement] = await parseStatements(example);
  expect(statement?.kind).toBe(kind);
  const read = readSqlFiles([{ text: kind === 'insert' ? TABLE : '' }, { text: example }]);
  if (inFiles) await read;
  else await expect(read).rejects.toThrow('not supported');
});

test('has each kind of statement once', () => {
  const kinds = STATEMENTS.map(({ kind }) => kind);
  expect(new Set(kinds).size).toBe(kinds.length);
});
