/** Random items of FROM: streams, tables, windows over them, joins, expansions. */
import type { SqlType } from '../../src/sql/plan.js';
import { call } from './ast.js';
import type { Column, Expr, From, Joined, Named, Table, Windowed } from './ast.js';
import { columnsOf, condition, fresh, numbersOf } from './expressions.js';
import type { Gen, Scope } from './expressions.js';
import { interval } from './dialect.js';
import { pick } from './schema.js';

/** An item of FROM and what it shows. */
export interface Source {
  readonly from: From;
  readonly scope: Scope;
  /** Whether its rows grow with a stream. */
  readonly isStream: boolean;
  /** Window bounds among the columns. */
  readonly bounds: readonly Column[];
}

function columnsUnder(table: Table, alias: string): Column[] {
  return table.columns.map(({ isWild, name, type }) => ({
    e: 'column',
    relation: alias,
    name,
    type,
    ...(isWild ? { isWild } : {}),
  }));
}

/** A column of a source by its name. */
export function columnNamed(scope: Scope, name: string, relation?: string): Column {
  return scope.columns.find(
    (column) => column.name === name && (relation === undefined || column.relation === relation),
  )!;
}

/** A stream or table by its name. */
export function named(gen: Gen, name: string, alias = fresh(gen, 't')): Source {
  const table = gen.tables.find((each) => each.name === name)!;
  const columns = columnsUnder(table, alias);
  const time = table.time === null ? null : columns.find((column) => column.name === table.time)!;
  gen.rules.add(`from ${table.kind}`);
  return {
    from: { f: 'named', name, alias },
    scope: {
      columns,
      tie: columns.filter((column) => column.name === 'id' || column.name === 'since'),
      time: table.kind === 'stream' ? time : null,
    },
    isStream: table.kind === 'stream',
    bounds: [],
  };
}

/** Either stream. */
export function anyStream(gen: Gen): Source {
  return named(gen, pick(gen.random, ['events', 'clicks']));
}

/** Either keyed table. */
export function anyTable(gen: Gen): Source {
  return named(gen, pick(gen.random, ['items', 'places']));
}

type Kind = Windowed['kind'];
const KINDS: readonly Kind[] = ['TUMBLE', 'HOP', 'CUMULATE', 'SESSION', 'STAGGER'];

/** A window's shape. */
export function windowShape(
  gen: Gen,
  kinds: readonly Kind[] = KINDS,
): Pick<Windowed, 'kind' | 'stepMs' | 'sizeMs' | 'offsetMs'> {
  const { random } = gen;
  const kind = pick(random, kinds);
  const sizeMs = pick(random, [10_000, 20_000, 30_000, 60_000]);
  const stepMs =
    kind === 'HOP'
      ? pick(random, [sizeMs, sizeMs / 2, sizeMs / 5, 7_000])
      : kind === 'CUMULATE'
        ? pick(random, [sizeMs / 2, sizeMs / 5])
        : 0;
  const hasOffset = kind !== 'SESSION' && kind !== 'STAGGER' && random.chance(0.3);
  const offsetMs = hasOffset ? pick(random, [3_000, 2_500, -1_000, 70_000]) : 0;
  gen.rules.add(`window ${kind.toLowerCase()}`);
  if (hasOffset) gen.rules.add('window offset');
  return { kind, stepMs: Math.min(stepMs, sizeMs), sizeMs, offsetMs };
}

/** A window over a named relation or a subquery that has an event time. */
export function windowOver(gen: Gen, input: Source, shape = windowShape(gen), alias = fresh(gen, 'w')): Source {
  const { random } = gen;
  const of = input.from as Named | Extract<From, { f: 'derived' }>;
  const time = input.scope.time!;
  const hasKeys = (shape.kind === 'SESSION' || shape.kind === 'STAGGER') && random.chance(0.7);
  const usable = [...numbersOf(input.scope), ...columnsOf(input.scope, 'text', false)];
  const keys = hasKeys && usable.length > 0 ? [pick(random, usable).name] : [];
  if (keys.length > 0) gen.rules.add(`window ${shape.kind.toLowerCase()} keys`);
  const moved = (column: Column): Column => ({ ...column, relation: alias });
  const bounds = ['window_start', 'window_end'].map((name): Column => ({
    e: 'column',
    relation: alias,
    name,
    type: time.type,
  }));
  return {
    from: { f: 'window', input: of, alias, time: moved(time), keys, ...shape },
    scope: {
      columns: [...input.scope.columns.map(moved), ...bounds],
      tie: input.scope.tie === null ? null : [...input.scope.tie.map(moved), bounds[1]!],
      time: moved(time),
    },
    isStream: true,
    bounds,
  };
}

function both(left: Source, right: Source): Scope {
  const tie = left.scope.tie === null || right.scope.tie === null ? null : [...left.scope.tie, ...right.scope.tie];
  return { columns: [...left.scope.columns, ...right.scope.columns], tie, time: left.scope.time };
}

function joined(
  gen: Gen,
  rule: string,
  left: Source,
  right: Source,
  join: Pick<Joined, 'type' | 'on'> & Partial<Joined>,
  scope = both(left, right),
): Source {
  gen.rules.add(`join ${rule} ${join.type.toLowerCase()}`);
  return {
    from: { f: 'join', mark: null, nearest: null, left: left.from, right: right.from, ...join },
    scope,
    isStream: left.isStream || right.isStream,
    bounds: [...left.bounds, ...right.bounds],
  };
}

function equality(gen: Gen, left: Scope, right: Scope): Expr {
  const { random } = gen;
  const texts = columnsOf(left, 'text', false).filter(({ name }) => right.columns.some((other) => other.name === name));
  const of = (scope: Scope): Column => (random.chance(0.8) ? columnNamed(scope, 'k') : pick(random, numbersOf(scope)));
  const text = texts.length > 0 && random.chance(0.3) ? pick(random, texts) : null;
  const sides = text === null ? [of(left), of(right)] : [text, columnNamed(right, text.name)];
  const isSafe = random.chance(0.1);
  if (isSafe) gen.rules.add('join is not distinct');
  return call('boolean', isSafe ? '($0 IS NOT DISTINCT FROM $1)' : '($0 = $1)', sides);
}

/** Bounds of right time minus left time. */
export function timeBounds(gen: Gen, left: Scope, right: Scope): Expr[] {
  const { random } = gen;
  const [a, b] = [left.time!, right.time!];
  const ms = (): number => pick(random, [0, 5_000, 30_000, 60_000]);
  if (random.chance(0.4)) {
    gen.rules.add('join between');
    return [call('boolean', `($1 BETWEEN $0 - ${interval(ms())} AND $0 + ${interval(ms())})`, [a, b])];
  }
  gen.rules.add('join inequalities');
  const low = call('boolean', `($1 ${pick(random, ['>=', '>'])} $0 - ${interval(ms() + 1)})`, [a, b]);
  return [low, call('boolean', `($0 + ${interval(ms() + 500)} ${pick(random, ['>=', '>'])} $1)`, [a, b])];
}

function intervalJoin(gen: Gen): Source {
  const { random } = gen;
  const left = named(gen, 'events');
  const right = named(gen, random.chance(0.85) ? 'clicks' : 'events');
  const type = pick(random, ['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'] as const);
  const more = random.chance(0.25) && type !== 'FULL JOIN' ? [condition(gen, both(left, right))] : [];
  const equal = type === 'FULL JOIN' || random.chance(0.85) ? [equality(gen, left.scope, right.scope)] : [];
  return joined(gen, 'interval', left, right, {
    type,
    on: [...equal, ...timeBounds(gen, left.scope, right.scope), ...more],
  });
}

function windowJoin(gen: Gen): Source {
  const { random } = gen;
  const shape = windowShape(gen, ['TUMBLE', 'HOP', 'CUMULATE']);
  const left = windowOver(gen, named(gen, 'events'), shape);
  const right = windowOver(gen, named(gen, 'clicks'), shape);
  const same = (i: number): Expr => call('boolean', '($0 = $1)', [left.bounds[i]!, right.bounds[i]!]);
  const on = [
    ...(shape.kind === 'CUMULATE' ? [same(0), same(1)] : [same(random.below(2))]),
    ...(random.chance(0.8) ? [equality(gen, left.scope, right.scope)] : []),
  ];
  return joined(gen, 'window', left, right, {
    type: pick(random, ['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN'] as const),
    on,
  });
}

function lookupJoin(gen: Gen): Source {
  const { random } = gen;
  const left = random.chance(0.7) ? anyStream(gen) : windowOver(gen, anyStream(gen));
  const right = anyTable(gen);
  const id = columnNamed(right.scope, 'id');
  const k = columnNamed(left.scope, 'k');
  const byId = call('boolean', '($0 = $1)', [k, id]);
  const type = pick(random, ['JOIN', 'LEFT JOIN'] as const);
  const mark = random.chance(0.3) ? 'PROCTIME' : null;
  const on = [random.chance(0.7) ? byId : equality(gen, left.scope, right.scope)];
  if (mark === null && random.chance(0.2)) on.push(condition(gen, both(left, right)));
  return joined(gen, mark === null ? 'lookup' : 'proctime', left, right, { type, mark, on });
}

function asofJoin(gen: Gen): Source {
  const { random } = gen;
  const left = named(gen, 'events');
  const right = named(gen, 'clicks');
  const nearest = call('boolean', `($0 ${pick(random, ['>=', '>', '<=', '<'])} $1)`, [
    left.scope.time!,
    right.scope.time!,
  ]);
  const k = [columnNamed(left.scope, 'k'), columnNamed(right.scope, 'k')];
  const isUnique = gen.tables.find(({ name }) => name === 'clicks')!.hasUniqueTimes;
  const on = [call('boolean', '($0 = $1)', k)];
  // Rows at one time are told apart by what is left of them: DuckDB has no such rule.
  const sure = isUnique ? nearest : { ...nearest, duck: null };
  return joined(gen, 'asof', left, right, {
    type: pick(random, ['JOIN', 'LEFT JOIN'] as const),
    mark: 'ASOF',
    on,
    nearest: sure,
  });
}

function versionJoin(gen: Gen): Source {
  const { random } = gen;
  const left = anyStream(gen);
  const right = named(gen, 'rates');
  const [time, since] = [left.scope.time!, columnNamed(right.scope, 'since')];
  const on = [
    call('boolean', '($0 = $1)', [
      call('bigint', '$0::bigint', [columnNamed(left.scope, 'k')]),
      columnNamed(right.scope, 'id'),
    ]),
  ];
  const isEvents = left.scope.time!.type === since.type;
  const nearest = isEvents ? call('boolean', '', [time, since], '($0 >= $1)') : null;
  return joined(gen, 'as of time', left, right, {
    type: pick(random, ['JOIN', 'LEFT JOIN'] as const),
    mark: { asOf: time },
    on,
    nearest,
  });
}

function tableJoin(gen: Gen): Source {
  const { random } = gen;
  const left = named(gen, 'items');
  const right = named(gen, 'places');
  const type = pick(random, ['JOIN', 'LEFT JOIN', 'RIGHT JOIN', 'FULL JOIN', 'CROSS JOIN'] as const);
  const on = type === 'CROSS JOIN' ? [] : [equality(gen, left.scope, right.scope)];
  if (type !== 'CROSS JOIN' && type !== 'FULL JOIN' && random.chance(0.3)) on.push(condition(gen, both(left, right)));
  return joined(gen, 'tables', left, right, { type, on });
}

function expanded(gen: Gen): Source {
  const { random } = gen;
  const input = random.chance(0.7) ? anyStream(gen) : anyTable(gen);
  const lists = input.scope.columns.filter(({ type }) => type.endsWith('[]'));
  const alias = fresh(gen, 'u');
  const isSeries = lists.length === 0 || random.chance(0.3);
  gen.rules.add(isSeries ? 'from generate_series' : 'from unnest');
  const of = isSeries ? columnNamed(input.scope, 'k') : pick(random, lists);
  const type = isSeries ? of.type : (of.type.slice(0, -2) as SqlType);
  const column: Column = { e: 'column', relation: alias, name: 'part', type };
  const { scope } = input;
  return {
    ...input,
    from: {
      f: 'expand',
      input: input.from,
      call: call(type, isSeries ? 'generate_series(1, $0)' : 'unnest($0)', [of]),
      alias,
      column: 'part',
    },
    scope: { ...scope, columns: [...scope.columns, column], tie: scope.tie === null ? null : [...scope.tie, column] },
  };
}

/** Any source but a subquery. */
export function source(gen: Gen): Source {
  const { random } = gen;
  const make = pick(random, [
    anyStream,
    anyStream,
    anyTable,
    windowed,
    windowed,
    intervalJoin,
    windowJoin,
    lookupJoin,
    asofJoin,
    versionJoin,
    tableJoin,
    tableJoin,
    expanded,
  ]);
  return make(gen);
}

/** A window over a stream. */
export function windowed(gen: Gen): Source {
  return windowOver(gen, anyStream(gen));
}
