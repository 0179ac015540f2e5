import { defineConfig } from 'vitest/config';

/**
 * Tests of pure functions: no servers, threads or databases, nothing global. One process runs many of their files, so
 * that what they share is loaded once.
 */
const PURE = [
  'test/decode/**/*.test.ts',
  'test/event/**/*.test.ts',
  'test/format/keys/**/*.test.ts',
  'test/format/*-{lines,reader,writer,dictionaries}.test.ts',
  'test/io/sigv4/**/*.test.ts',
  'test/mill/dataflow/**/*.test.ts',
  'test/mill/{relational,session,state}/**/*.test.ts',
  'test/sql/aggregates/*/**/*.test.ts',
  'test/sql/{relation,statements}/**/*.test.ts',
  'test/telemetry/**/*.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    // The default is one less than there are processors; most files wait more than they work.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'pure', include: PURE, isolate: false } },
      {
        extends: true,
        test: {
          name: 'rest',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', ...PURE, 'node_modules/**'],
        },
      },
    ],
  },
});
