/**
 * The golden files: plain; cut into batches and spread over partitions; stopped, saved, killed and resumed; and those of
 * `postgres/` against a real PostgreSQL, where every standing query is asked anew.
 */
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sessionExecutor } from '../../scripts/slt/executor.js';
import { readRecords } from '../../scripts/slt/records.js';
import { runRecords, type SltExecutor } from '../../scripts/slt/run.js';
import { globSync } from '../../src/config/glob.js';
import type { SessionOptions } from '../../src/mill/session/options.js';
import { root } from '../tidy/sources.js';
import { startPostgres, type TestPostgres } from './postgres.js';
import { postgresExecutor } from './slt/postgres-executor.js';

const FOLDER = join(root, 'test', 'sql', 'slt');
const SHARED = globSync(join(FOLDER, 'postgres', '*.slt'));
const FILES = [...globSync(join(FOLDER, '*.slt')), ...SHARED];

const name = (file: string): string => relative(FOLDER, file);

/** Runs a file; every failure as a text. */
async function failures(file: string, executor: SltExecutor): Promise<string[]> {
  const world = { executor, wait: () => Promise.resolve(), environment: {}, isExact: true };
  const report = await runRecords(readRecords(file), world);
  expect(report.passed + report.failures.length).toBeGreaterThan(0);
  return report.failures.map(
    ({ place, sql, expected, actual }) => `line ${place.line}: ${sql}\nexpected:\n${expected}\nactual:\n${actual}`,
  );
}

const VARIANTS: readonly (readonly [string, SessionOptions])[] = [
  ['plain', {}],
  ['row by row', { batchRows: 1 }],
  ['in sevens on 4 partitions', { batchRows: 7, partitions: 4 }],
  ['row by row on 4 partitions', { batchRows: 1, partitions: 4 }],
  ['stopped, killed and resumed', { resumes: true }],
  ['stopped, killed and resumed, row by row on 4 partitions', { resumes: true, batchRows: 1, partitions: 4 }],
];

describe.each(VARIANTS)('golden files, %s', (_, options) => {
  test.each(FILES.map((file) => [name(file), file]))('%s', async (_name, file) => {
    expect(await failures(file, sessionExecutor(options))).toEqual([]);
  });
});

describe('golden files, against PostgreSQL', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  test.each(SHARED.map((file) => [name(file), file]))('%s', async (title, file) => {
    const schema = title.replaceAll(/\W/g, '_');
    expect(await failures(file, await postgresExecutor(postgres.client, schema))).toEqual([]);
  });
});
