/** Relations made at random over a stream `s` and a keyed table `t`. */
import type { Expression, SqlType } from '../../../src/sql/plan.js';
import type {
  Aggregate,
  AggregateSpec,
  Field,
  Relation,
  Scan,
  Windowed,
  WindowSpec,
} from '../../../src/sql/relation/relation.js';
import type { SeededRandom } from '../../sim/random.js';
import { call, column, literal } from './rows.js';

/** Columns of the stream: id, k, v, n, ts. Of the table: id, k, v, n. */
export const STREAM: readonly Field[] = [
  { name: 'id', type: 'integer', nullable: false },
  { name: 'k', type: 'text', nullable: true },
  { name: 'v', type: 'integer', nullable: true },
  { name: 'n', type: 'numeric', nullable: true },
  { name: 'ts', type: 'timestamptz', nullable: true },
];
/** See above. */
export const TABLE: readonly Field[] = STREAM.slice(0, 4);

function scan(source: 's' | 't', late: boolean): Scan {
  const all = source === 's' ? STREAM : TABLE;
  return {
    kind: 'scan',
    source,
    fields: all,
    columns: [...all.keys()],
    key: source === 's' ? null : [0],
    time: source === 's' ? 4 : null,
    late,
  };
}

function pick<T>(random: SeededRandom, list: readonly T[]): T {
  return list[random.below(list.length)]!;
}

function fieldsOf(types: readonly SqlType[]): Field[] {
  return types.map((type, i) => ({ name: `f${i}`, type, nullable: true }));
}

function condition(random: SeededRandom, { fields }: Relation): Expression {
  const i = random.below(fields.length);
  const { type } = fields[i]!;
  const of = column(i, type);
  if (type === 'integer') return call(pick(random, ['<', '>=', '<>']), 'boolean', of, literal(random.below(8), type));
  if (type === 'text') return call('<>', 'boolean', of, literal(pick(random, ['a', 'b', 'x']), type));
  return { kind: 'isNull', arg: of, negated: true, type: 'boolean' };
}

/** Rows as they are, filtered, or projected with another `v`; the types stay. */
function changed(random: SeededRandom, input: Relation): Relation {
  if (random.chance(0.4)) return { kind: 'filter', fields: input.fields, input, condition: condition(random, input) };
  if (random.chance(0.5)) return input;
  const expressions = input.fields.map(({ type }, i): Expression => {
    if (i > 0 && type === 'integer' && random.chance(0.5))
      return call('+', 'integer', column(i, type), literal(1, 'integer'));
    return column(i, type);
  });
  return { kind: 'project', fields: input.fields, input, expressions };
}

function spec(
  name: string,
  type: SqlType,
  args: readonly Expression[],
  more: Partial<AggregateSpec> = {},
): AggregateSpec {
  return { name, type, args, distinct: false, filter: null, order: [], ...more };
}

function aggregates(random: SeededRandom, input: Relation): AggregateSpec[] {
  const of = (type: SqlType): Expression[] =>
    input.fields.flatMap((field, i) => (field.type === type ? [column(i, type)] : []));
  const numbers = of('integer');
  const texts = of('text');
  const all: AggregateSpec[] = [spec('count', 'bigint', [])];
  const filter = random.chance(0.3) ? condition(random, input) : null;
  if (numbers.length > 0) {
    const v = [pick(random, numbers)];
    all.push(spec('sum', 'bigint', v, { filter }), spec('min', 'integer', v), spec('max', 'integer', v, { filter }));
    all.push(spec('sum', 'bigint', v, { distinct: true }), spec('count', 'bigint', v));
  }
  if (texts.length > 0) {
    const k = pick(random, texts);
    const by = pick(random, [...numbers, k]);
    const order = [{ expression: by, descending: random.chance(0.5), nullsFirst: false }].map((item) => ({
      ...item,
      nullsFirst: item.descending,
    }));
    all.push(spec('string_agg', 'text', [k, literal('-', 'text')], { order }), spec('max', 'text', [k]));
    all.push(spec('count', 'bigint', [k], { distinct: true, filter }));
  }
  if (of('numeric').length > 0) all.push(spec('sum', 'numeric', [of('numeric')[0]!]));
  return all.filter(() => random.chance(0.5)).concat(all[0]!);
}

/** GROUP BY fields at random, of these positions at least. */
function grouped(random: SeededRandom, input: Relation, least: readonly number[], windowEnd: number | null): Aggregate {
  const others = [...input.fields.keys()].filter(
    (i) => !least.includes(i) && ['text', 'integer'].includes(input.fields[i]!.type) && random.chance(0.3),
  );
  const keys = [...others, ...least].map((i) => column(i, input.fields[i]!.type));
  const sets = windowEnd === null && keys.length > 0 && random.chance(0.2) ? [[...keys.keys()], [0], []] : null;
  const calls = aggregates(random, input);
  const types = [
    ...keys.map(({ type }) => type),
    ...calls.map(({ type }) => type),
    ...(sets === null ? [] : (['integer'] as const)),
  ];
  return {
    kind: 'aggregate',
    fields: fieldsOf(types),
    input,
    keys,
    sets,
    aggregates: calls,
    always: keys.length === 0,
    windowEnd: windowEnd === null ? null : others.length + least.indexOf(windowEnd),
  };
}

function windowSpec(random: SeededRandom): WindowSpec {
  const offsetMs = pick(random, [0, 3, -1]);
  switch (random.below(6)) {
    case 0:
      return { kind: 'tumble', sizeMs: pick(random, [5, 20]), offsetMs };
    case 1:
    case 2: {
      const [slideMs, sizeMs] = pick(random, [
        [5, 20],
        [4, 10],
        [1, 12],
        [7, 3],
        [3, 8],
      ] as const);
      return { kind: 'hop', slideMs, sizeMs, offsetMs };
    }
    case 3:
      return { kind: 'cumulate', stepMs: 5, sizeMs: pick(random, [5, 20]), offsetMs };
    case 4:
      return { kind: 'session', gapMs: pick(random, [3, 9]), keys: random.chance(0.2) ? [] : [column(1, 'text')] };
    default:
      return { kind: 'stagger', sizeMs: pick(random, [4, 15]), keys: [column(1, 'text')] };
  }
}

/** What a random relation is. */
export interface RandomRelation {
  readonly relation: Relation;
  /** Position of the window's end in its rows; null where it has none. */
  readonly windowEnd: number | null;
}

/** A window over the stream, and an aggregate over it or its rows. */
export function windowedRelation(random: SeededRandom): RandomRelation {
  let input: Relation = changed(random, scan('s', false));
  if (random.chance(0.2)) {
    const other = changed(random, scan('s', false));
    input = { kind: 'union', fields: input.fields, inputs: [input, other] };
  }
  const { fields } = input;
  const bounds: Field[] = ['window_start', 'window_end'].map((name) => ({
    name,
    type: 'timestamptz',
    nullable: false,
  }));
  const window = windowSpec(random);
  const over: Windowed = { kind: 'window', fields: [...fields, ...bounds], input, time: 4, window, late: true };
  const start = fields.length;
  if (random.chance(0.2)) return { relation: over, windowEnd: start + 1 };
  const isKeyed = window.kind === 'session' || window.kind === 'stagger';
  const ofKeys = isKeyed && window.keys.length > 0 && random.chance(0.8) ? [1] : [];
  const least = [...ofKeys, ...(random.chance(0.5) ? [start] : []), start + 1];
  const below = random.chance(0.3) ? changedFilter(random, over) : over;
  const relation = grouped(random, below, least, start + 1);
  if (random.chance(0.15)) {
    const end = relation.windowEnd!;
    const outer = grouped(random, relation, [end], end);
    return { relation: outer, windowEnd: outer.windowEnd };
  }
  return { relation, windowEnd: relation.windowEnd };
}

function changedFilter(random: SeededRandom, input: Windowed): Relation {
  const inner = condition(random, input.input);
  return { kind: 'filter', fields: input.fields, input, condition: inner };
}

/** Filters, projections, unions and aggregates over the stream and the table, without windows. */
export function plainRelation(random: SeededRandom): RandomRelation {
  let relation: Relation = changed(random, scan('t', false));
  if (random.chance(0.4)) {
    const stream = scan('s', random.chance(0.5));
    const expressions = TABLE.map(({ type }, i) => column(i, type));
    const narrow: Relation = { kind: 'project', fields: TABLE, input: stream, expressions };
    relation = { kind: 'union', fields: TABLE, inputs: [relation, narrow] };
  }
  for (let depth = random.below(3); depth > 0; depth--) relation = changed(random, grouped(random, relation, [], null));
  return { relation, windowEnd: null };
}
