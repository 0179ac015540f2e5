/** A case as statements, and as a script of the sqllogictest runner. */
import type { Case } from './ast.js';
import type { Facts } from './feed.js';
import { feed } from './feed.js';
import { printQuery } from './print.js';
import { createTable } from './schema.js';

/** CREATE of the plain views. */
export function createViews(of: Case): string[] {
  return of.views.map(({ name, query }) => `CREATE VIEW ${name} AS ${printQuery(query, 'ours')}`);
}

/** CREATE of the standing view. */
export function createStandingView(of: Case): string {
  const { allowedMs, emit, lagMs } = of.options;
  return `CREATE MATERIALIZED VIEW standing WITH (watermark_lag = '${lagMs} milliseconds', allowed_lateness = '${allowedMs} milliseconds', emit = '${emit}') AS\n${printQuery(of.query, 'ours')}`;
}

/** CREATE of streams and tables. */
export function createTables(of: Case): string[] {
  return of.tables.map(createTable);
}

/** All that comes before rows. */
export function createAll(of: Case, facts: Facts): string[] {
  const tables = of.tables.filter(({ name }) => facts.reads.has(name) || of.views.length > 0);
  return [...tables.map(createTable), ...createViews(of)];
}

/** A script that `npm run slt` takes: what the view shows at the end against what was expected. */
export function sltScript(of: Case, facts: Facts, feedSeed: number, expected: readonly string[]): string {
  const statements = [...createAll(of, facts), createStandingView(of), ...feed(of, facts, feedSeed)];
  const records = statements.map((statement) => `statement ok\n${statement}\n`);
  const types = 'T'.repeat(of.query.q === 'select' ? of.query.items.length : 1);
  return [
    `# seed ${of.seed}`,
    '',
    ...records,
    `query ${types} rowsort\nSELECT * FROM standing\n----`,
    ...expected,
  ].join('\n');
}
