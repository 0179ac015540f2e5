/** A random case. */
import { SeededRandom } from '../sim/random.js';
import type { Case, Row, Change, ViewOptions } from './ast.js';
import type { Gen } from './expressions.js';
import { randomQuery, viewQuery } from './compose.js';
import type { NamedQuery } from './compose.js';
import { pick, randomTables, streamRows, tableChanges } from './schema.js';

/** Every so many seeds the streams are such that they can lie in a log on disk. */
const STORED_EVERY = 4;

/** A case and the rules it was made by. */
export interface Generated {
  readonly of: Case;
  readonly rules: ReadonlySet<string>;
}

/** The case of a seed. `wanted`: rules that it should rather meet. */
export function generate(seed: number, wanted: ReadonlySet<string> = new Set()): Generated {
  const random = new SeededRandom(seed);
  const isStored = seed % STORED_EVERY === 0;
  const tables = randomTables(random, isStored);
  const gen: Gen = { random, tables, rules: new Set(), wanted, names: 0 };
  const views = random.chance(0.15) ? randomViews(gen) : [];
  const made = randomQuery(gen, views);
  const nullTimes = !isStored && random.chance(0.15);
  const streams: Record<string, readonly Row[]> = {};
  const changes: Record<string, readonly Change[]> = {};
  for (const table of tables)
    if (table.kind === 'stream') streams[table.name] = streamRows(random, table, nullTimes);
    else changes[table.name] = tableChanges(random, table);
  const options: ViewOptions = {
    lagMs: pick(random, [0, 1_000, 5_000]),
    allowedMs: pick(random, [0, 5_000, 30_000]),
    emit: pick(random, ['change', 'change', 'close', '10 seconds']),
  };
  const of: Case = {
    seed,
    isStored,
    tables,
    views: views.map(({ made: { query }, name }) => ({ name, query })),
    query: made.query,
    options,
    streams,
    changes,
    feedSeed: random.below(2 ** 31),
  };
  return { of, rules: gen.rules };
}

/** A view, or a view on a view. */
function randomViews(gen: Gen): NamedQuery[] {
  const first = { name: 'view_a', made: viewQuery(gen, []) };
  if (gen.random.chance(0.5)) return [first];
  gen.rules.add('from view on view');
  return [first, { name: 'view_b', made: viewQuery(gen, [first]) }];
}
