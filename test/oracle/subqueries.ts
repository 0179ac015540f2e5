/** Random subqueries in WHERE. */
import { call } from './ast.js';
import type { Expr, Query, Select } from './ast.js';
import { condition, numbersOf } from './expressions.js';
import type { Gen } from './expressions.js';
import { pick } from './schema.js';
import { prefer } from './steer.js';
import { anyTable, columnNamed, named, timeBounds } from './sources.js';
import type { Source } from './sources.js';

function selectOf(from: Source, expr: Expr, where: readonly Expr[]): Query {
  const select: Select = {
    q: 'select',
    with: [],
    distinct: false,
    distinctOn: [],
    items: [{ expr, name: 'one' }],
    from: from.from,
    where,
    groupBy: [],
    grouping: 'plain',
    having: [],
    orderBy: [],
    limit: null,
    offset: 0,
    withTies: false,
  };
  return select;
}

/** IN, EXISTS and scalars; none where the source has nothing to compare. */
export function subqueryCondition(gen: Gen, from: Source): Expr[] {
  const { random } = gen;
  const numbers = numbersOf(from.scope);
  if (numbers.length === 0) return [];
  const within = from.scope.time === null ? [] : (['exists within time'] as const);
  const scalar = from.isStream ? [] : (['scalar'] as const);
  const forms = ['exists', 'in', 'in', ...within, ...scalar] as const;
  const form = prefer(gen, forms, (each) => [`subquery ${each}`, `subquery not ${each}`]);
  const isNegated = prefer(gen, [false, false, false, true, true], (not) => [`subquery ${not ? 'not ' : ''}${form}`]);
  // Few values, so that most are found.
  const keys = numbers.filter(({ name }) => name === 'k');
  const number = pick(random, keys.length > 0 && random.chance(0.7) ? keys : numbers);
  const tested = number.name === 'k' || isNegated ? number : call('integer', 'abs($0 % 4)', [number]);
  if (form === 'exists within time') return [correlated(gen, from, isNegated)];
  const inner = anyTable(gen);
  const k = columnNamed(inner.scope, random.chance(0.9) ? 'k' : 'v');
  const where = random.chance(0.5) ? [condition(gen, inner.scope)] : [];
  if (form === 'scalar') {
    gen.rules.add('subquery scalar');
    const value = selectOf(inner, call('integer', 'max($0)', [k]), where);
    return [
      call('boolean', '($0 <= coalesce($1, 100))', [
        tested,
        { e: 'subquery', type: 'integer', form: 'scalar', args: [], query: value },
      ]),
    ];
  }
  if (form === 'exists') {
    gen.rules.add(`subquery ${isNegated ? 'not exists' : 'exists'}`);
    const same = call('boolean', '($0 = $1)', [k, tested]);
    return [
      {
        e: 'subquery',
        type: 'boolean',
        form: isNegated ? 'notExists' : 'exists',
        args: [],
        query: selectOf(inner, call('integer', '1'), [same, ...where]),
      },
    ];
  }
  gen.rules.add(`subquery ${isNegated ? 'not in' : 'in'}`);
  const there = isNegated ? [call('boolean', '($0 > 2)', [k])] : [];
  return [
    {
      e: 'subquery',
      type: 'boolean',
      form: isNegated ? 'notIn' : 'in',
      args: [tested],
      query: selectOf(inner, k, [...there, ...where]),
    },
  ];
}

/** EXISTS of a stream's row within bounds of time. */
function correlated(gen: Gen, from: Source, isNegated: boolean): Expr {
  gen.rules.add(`subquery ${isNegated ? 'not exists' : 'exists'} within time`);
  const inner = named(gen, 'clicks');
  const bounds = timeBounds(gen, from.scope, inner.scope);
  const numbers = numbersOf(from.scope);
  const same = call('boolean', '($0 = $1)', [columnNamed(inner.scope, 'k'), pick(gen.random, numbers)]);
  return {
    e: 'subquery',
    type: 'boolean',
    form: isNegated ? 'notExists' : 'exists',
    args: [],
    query: selectOf(inner, call('integer', '1'), [same, ...bounds]),
  };
}
