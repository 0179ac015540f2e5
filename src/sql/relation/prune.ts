/**
 * Leaves out the fields that nothing reads, so that rows are narrow where they are many: a source gives
 * only the columns that the query needs.
 */
import type { Expression } from '../plan.js';
import { columnsOf } from '../walk.js';
import { AGGREGATES, moved } from './columns.js';
import type {
  Aggregate,
  AggregateSpec,
  Expand,
  Filter,
  Join,
  OrderItem,
  Over,
  OverSpec,
  Project,
  Relation,
  Scan,
  SetOperation,
  TopN,
  Union,
  Values,
  Windowed,
} from './relation.js';

/** A relation that gives at least `needed`, and where each field went. */
interface Pruned {
  readonly relation: Relation;
  /** New position of each old field; -1 for one that is gone. */
  readonly to: readonly number[];
}

/** A relation with the same fields, whose inputs give only what is read. */
export function prune(relation: Relation): Relation {
  return pruned(relation, new Set(all(relation))).relation;
}

function keep(width: number, needed: ReadonlySet<number>): { kept: number[]; to: number[] } {
  const kept = Array.from({ length: width }, (_, i) => i).filter((i) => needed.has(i));
  const to = Array.from({ length: width }, () => -1);
  kept.forEach((old, i) => {
    to[old] = i;
  });
  return { kept, to };
}

function reads(expressions: readonly (Expression | null)[], into: Set<number>): Set<number> {
  for (const expression of expressions)
    if (expression !== null) for (const index of columnsOf(expression)) into.add(index);
  return into;
}

function at(expression: Expression, to: readonly number[]): Expression {
  return moved(expression, (index) => (index < AGGREGATES ? to[index]! : index));
}

function orderAt(order: readonly OrderItem[], to: readonly number[]): OrderItem[] {
  return order.map((item) => ({ ...item, expression: at(item.expression, to) }));
}

function callAt<T extends AggregateSpec | OverSpec>(spec: T, to: readonly number[]): T {
  return {
    ...spec,
    args: spec.args.map((arg) => at(arg, to)),
    filter: spec.filter === null ? null : at(spec.filter, to),
    ...('order' in spec ? { order: orderAt(spec.order, to) } : {}),
  };
}

function callReads(spec: AggregateSpec | OverSpec): (Expression | null)[] {
  return [...spec.args, spec.filter, ...('order' in spec ? spec.order.map((item) => item.expression) : [])];
}

type Pruner<K extends Relation['kind']> = (
  relation: Extract<Relation, { kind: K }>,
  needed: ReadonlySet<number>,
) => Pruned;

/** Each kind of relation. */
const PRUNERS: { readonly [K in Relation['kind']]: Pruner<K> } = {
  scan: pruneScan,
  values: pruneValues,
  filter: pruneFilter,
  project: pruneProject,
  window: pruneWindow,
  aggregate: pruneAggregate,
  join: prunedJoin,
  over: pruneOver,
  top: pruneTop,
  union: pruneUnion,
  intersect: pruneSides,
  except: pruneSides,
  expand: pruneExpand,
};

function pruned(relation: Relation, needed: ReadonlySet<number>): Pruned {
  return (PRUNERS[relation.kind] as Pruner<Relation['kind']>)(relation as never, needed);
}

function all(relation: Relation): number[] {
  return relation.fields.map((_, i) => i);
}

function pruneSides(relation: SetOperation): Pruned {
  return { to: all(relation), relation: { ...relation, left: prune(relation.left), right: prune(relation.right) } };
}

function pruneScan(relation: Scan, needed: ReadonlySet<number>): Pruned {
  const width = relation.fields.length;
  const wanted = new Set(needed);
  relation.key?.forEach((field) => wanted.add(field));
  if (relation.late && relation.time !== null) wanted.add(relation.time);
  const { kept, to } = keep(width, wanted);
  return {
    to,
    relation: {
      ...relation,
      fields: kept.map((i) => relation.fields[i]!),
      columns: kept.map((i) => relation.columns[i]!),
      key: relation.key?.map((field) => to[field]!) ?? null,
      time: relation.time === null || to[relation.time]! < 0 ? null : to[relation.time]!,
    },
  };
}

function pruneProject(relation: Project, needed: ReadonlySet<number>): Pruned {
  const width = relation.fields.length;
  const { kept, to } = keep(width, needed);
  const expressions = kept.map((i) => relation.expressions[i]!);
  const input = pruned(relation.input, reads(expressions, new Set()));
  return {
    to,
    relation: {
      ...relation,
      fields: kept.map((i) => relation.fields[i]!),
      input: input.relation,
      expressions: expressions.map((each) => at(each, input.to)),
    },
  };
}

function pruneFilter(relation: Filter, needed: ReadonlySet<number>): Pruned {
  const input = pruned(relation.input, reads([relation.condition], new Set(needed)));
  return {
    to: input.to,
    relation: {
      ...relation,
      fields: input.relation.fields,
      input: input.relation,
      condition: at(relation.condition, input.to),
    },
  };
}

function pruneWindow(relation: Windowed, needed: ReadonlySet<number>): Pruned {
  const inner = relation.input.fields.length;
  const wanted = new Set([...needed].filter((i) => i < inner));
  wanted.add(relation.time);
  const keys = 'keys' in relation.window ? relation.window.keys : [];
  const input = pruned(relation.input, reads(keys, wanted));
  const narrow = input.relation.fields.length;
  const window =
    'keys' in relation.window ? { ...relation.window, keys: keys.map((key) => at(key, input.to)) } : relation.window;
  return {
    to: [...input.to, narrow, narrow + 1],
    relation: {
      ...relation,
      fields: [...input.relation.fields, ...relation.fields.slice(inner)],
      input: input.relation,
      time: input.to[relation.time]!,
      window,
    },
  };
}

function pruneAggregate(relation: Aggregate): Pruned {
  const wanted = reads([...relation.keys, ...relation.aggregates.flatMap(callReads)], new Set());
  const input = pruned(relation.input, wanted);
  return {
    to: all(relation),
    relation: {
      ...relation,
      input: input.relation,
      keys: relation.keys.map((key) => at(key, input.to)),
      aggregates: relation.aggregates.map((spec) => callAt(spec, input.to)),
    },
  };
}

function pruneOver(relation: Over, needed: ReadonlySet<number>): Pruned {
  const inner = relation.input.fields.length;
  const wanted = new Set([...needed].filter((i) => i < inner));
  const orders = relation.order.map((item) => item.expression);
  const input = pruned(
    relation.input,
    reads([...relation.partition, ...orders, ...relation.functions.flatMap(callReads)], wanted),
  );
  const narrow = input.relation.fields.length;
  return {
    to: [...input.to, ...relation.functions.map((_, i) => narrow + i)],
    relation: {
      ...relation,
      fields: [...input.relation.fields, ...relation.fields.slice(inner)],
      input: input.relation,
      partition: relation.partition.map((each) => at(each, input.to)),
      order: orderAt(relation.order, input.to),
      functions: relation.functions.map((spec) => callAt(spec, input.to)),
    },
  };
}

function pruneTop(relation: TopN, needed: ReadonlySet<number>): Pruned {
  const inner = relation.input.fields.length;
  const wanted = new Set([...needed].filter((i) => i < inner));
  if (relation.windowEnd !== null) wanted.add(relation.windowEnd);
  const orders = relation.order.map((item) => item.expression);
  const input = pruned(relation.input, reads([...relation.partition, ...orders], wanted));
  const narrow = input.relation.fields.length;
  // A number that nobody reads would only make rows change.
  const numbered = relation.numbered && needed.has(inner);
  return {
    to: relation.numbered ? [...input.to, numbered ? narrow : -1] : input.to,
    relation: {
      ...relation,
      numbered,
      fields: [...input.relation.fields, ...(numbered ? [relation.fields[inner]!] : [])],
      input: input.relation,
      partition: relation.partition.map((each) => at(each, input.to)),
      order: orderAt(relation.order, input.to),
      windowEnd: relation.windowEnd === null ? null : input.to[relation.windowEnd]!,
    },
  };
}

/** What the calls make stays: it says how many rows there are. */
function pruneExpand(relation: Expand, needed: ReadonlySet<number>): Pruned {
  const width = relation.input.fields.length;
  const wanted = new Set([...needed].filter((i) => i < width));
  const input = pruned(
    relation.input,
    reads(
      relation.calls.flatMap((call) => call.args),
      wanted,
    ),
  );
  const made = relation.fields.slice(width);
  const narrow = input.relation.fields.length;
  return {
    to: [...input.to, ...made.map((_, i) => narrow + i)],
    relation: {
      ...relation,
      fields: [...input.relation.fields, ...made],
      input: input.relation,
      calls: relation.calls.map((call) => ({ ...call, args: call.args.map((arg) => at(arg, input.to)) })),
    },
  };
}

function pruneUnion(relation: Union, needed: ReadonlySet<number>): Pruned {
  const width = relation.fields.length;
  const { kept, to } = keep(width, needed);
  const inputs = relation.inputs.map((input) => exactly(input, kept));
  return { to, relation: { ...relation, fields: kept.map((i) => relation.fields[i]!), inputs } };
}

function pruneValues(relation: Values, needed: ReadonlySet<number>): Pruned {
  const width = relation.fields.length;
  const { kept, to } = keep(width, needed);
  const rows = relation.rows.map((row) => kept.map((i) => row[i]!));
  return { to, relation: { ...relation, fields: kept.map((i) => relation.fields[i]!), rows } };
}

/** A relation with exactly these of its fields. */
function exactly(relation: Relation, kept: readonly number[]): Relation {
  const { relation: input, to } = pruned(relation, new Set(kept));
  if (input.fields.length === kept.length) return input;
  const fields = kept.map((i) => input.fields[to[i]!]!);
  const expressions = kept.map((i): Expression => {
    const { name, nullable, type } = input.fields[to[i]!]!;
    return { kind: 'column', index: to[i]!, name, type, nullable };
  });
  return { kind: 'project', fields, input, expressions };
}

function prunedJoin(join: Join, needed: ReadonlySet<number>): Pruned {
  const width = join.left.fields.length;
  const wantLeft = new Set([...needed].filter((i) => i < width));
  const wantRight = new Set([...needed].filter((i) => i >= width).map((i) => i - width));
  for (const index of join.condition === null ? [] : columnsOf(join.condition))
    if (index < width) wantLeft.add(index);
    else wantRight.add(index - width);
  for (const { left, right } of join.equal) {
    reads([left], wantLeft);
    reads([right], wantRight);
  }
  if (join.mode.kind === 'asOf') {
    reads([join.mode.left], wantLeft);
    reads([join.mode.right], wantRight);
  }
  for (const pair of [
    join.windowEnd,
    join.bound === null ? null : { left: join.bound.leftTime, right: join.bound.rightTime },
  ]) {
    if (pair === null) continue;
    wantLeft.add(pair.left);
    wantRight.add(pair.right);
  }
  const left = pruned(join.left, wantLeft);
  const right = pruned(join.right, wantRight);
  const narrow = left.relation.fields.length;
  const both = [...left.to, ...right.to.map((i) => (i < 0 ? -1 : i + narrow))];
  const one = join.type === 'semi' || join.type === 'anti';
  const shown = (
    from: readonly number[],
    fields: Relation['fields'],
    offset: number,
    count: number,
  ): Relation['fields'] => {
    const out: Relation['fields'][number][] = Array.from({ length: count });
    from.forEach((i, old) => {
      if (i >= 0) out[i] = fields[offset + old]!;
    });
    return out;
  };
  const leftFields = shown(left.to, join.fields, 0, narrow);
  const fields = one
    ? leftFields
    : [...leftFields, ...shown(right.to, join.fields, width, right.relation.fields.length)];
  return {
    to: one ? left.to : both,
    relation: {
      ...join,
      fields,
      left: left.relation,
      right: right.relation,
      equal: join.equal.map((pair) => ({ ...pair, left: at(pair.left, left.to), right: at(pair.right, right.to) })),
      condition: join.condition === null ? null : at(join.condition, both),
      bound:
        join.bound === null
          ? null
          : { ...join.bound, leftTime: left.to[join.bound.leftTime]!, rightTime: right.to[join.bound.rightTime]! },
      windowEnd:
        join.windowEnd === null
          ? null
          : { left: left.to[join.windowEnd.left]!, right: right.to[join.windowEnd.right]! },
      mode:
        join.mode.kind === 'asOf'
          ? { ...join.mode, left: at(join.mode.left, left.to), right: at(join.mode.right, right.to) }
          : join.mode,
    },
  };
}
