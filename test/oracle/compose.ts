/** Random queries over sources, views and other queries. */
import type { Column } from './ast.js';
import { fresh } from './expressions.js';
import type { Gen } from './expressions.js';
import { distinct, grouped, projection, setQuery, topByLimit, topByNumber, windowFunctions } from './queries.js';
import type { Made } from './queries.js';
import { prefer, wants } from './steer.js';
import { source, windowed, windowOver } from './sources.js';
import type { Source } from './sources.js';

/** A query as a source: as a subquery, a CTE or a view. */
export function asSource(gen: Gen, made: Made, name: string | null): Source {
  const alias = fresh(gen, 'q');
  const columns = made.items.map(({ expr, name: column }): Column => ({
    e: 'column',
    relation: alias,
    name: column,
    type: expr.type,
    ...(expr.e !== 'column' || expr.isWild === true
      ? {
          isWild:
            !['integer', 'text', 'boolean'].includes(expr.type) ||
            /count|sum|bit_/.test(expr.e === 'call' ? expr.sql : ''),
        }
      : {}),
  }));
  const find = (wanted: string): Column => columns.find((column) => column.name === wanted)!;
  return {
    from: name === null ? { f: 'derived', query: made.query, alias } : { f: 'named', name, alias },
    scope: { columns, tie: made.tie?.map(find) ?? null, time: made.time === null ? null : find(made.time) },
    isStream: made.isStream,
    bounds: [],
  };
}

/** Kinds of SELECT, the frequent ones several times, and the rules that they lead to. */
const SELECTS: readonly { readonly make: (gen: Gen, from: Source) => Made; readonly rules: readonly string[] }[] = [
  { make: projection, rules: ['scalar'] },
  ...Array.from({ length: 3 }, () => ({ make: grouped, rules: ['group', 'aggregate', 'query having'] })),
  ...Array.from({ length: 2 }, () => ({ make: windowFunctions, rules: ['over', 'over-aggregate'] })),
  { make: topByNumber, rules: ['top row_number', 'top rank', 'top dense_rank', 'operator top'] },
  { make: topByLimit, rules: ['top limit', 'top distinct on', 'top with ties', 'top offset'] },
  { make: distinct, rules: ['query distinct'] },
];

/** A SELECT over a source. */
export function selectOver(gen: Gen, from: Source): Made {
  return prefer(gen, SELECTS, ({ rules }) => rules).make(gen, from);
}

/** A query over streams and tables. */
export function plainQuery(gen: Gen): Made {
  const { random } = gen;
  if (random.chance(wants(gen, 'set') ? 0.4 : 0.1)) return setQuery(gen);
  return selectOver(gen, random.chance(0.15) ? windowed(gen) : source(gen));
}

/** A query for a view; over the views that there are. */
export function viewQuery(gen: Gen, views: readonly NamedQuery[]): Made {
  const [below] = views;
  if (below !== undefined) return projection(gen, asSource(gen, below.made, below.name));
  return gen.random.chance(0.7) ? projection(gen, source(gen)) : plainQuery(gen);
}

/** A query that can be read by name. */
export interface NamedQuery {
  readonly name: string;
  readonly made: Made;
}

/** A query that may be over queries. `views`: those that may be read by name. */
export function randomQuery(gen: Gen, views: readonly NamedQuery[]): Made {
  const { random } = gen;
  if (views.length > 0) {
    const { made, name } = views.at(-1)!;
    gen.rules.add('from view');
    const from = asSource(gen, made, name);
    return selectOver(gen, windowable(gen, from));
  }
  const way = random.below(10);
  if (way > 2) return plainQuery(gen);
  const inner = random.chance(0.3) ? projection(gen, source(gen)) : plainQuery(gen);
  if (way === 0) {
    const name = fresh(gen, 'cte');
    gen.rules.add('from cte');
    const made = selectOver(gen, windowable(gen, asSource(gen, inner, name)));
    if (made.query.q === 'select') return { ...made, query: { ...made.query, with: [{ name, query: inner.query }] } };
  }
  gen.rules.add('from subquery');
  return selectOver(gen, windowable(gen, asSource(gen, inner, null)));
}

/** Sometimes a window over a source that can have one. */
function windowable(gen: Gen, from: Source): Source {
  if (!from.isStream || from.scope.time === null || gen.random.chance(0.5)) return from;
  gen.rules.add('window over a query');
  return windowOver(gen, from);
}
