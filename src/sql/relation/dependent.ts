/**
 * A subquery that reads the query around it, as a relation that reads nothing around it: its rows for each set of the
 * values that it reads, with these behind its fields. The query around it is then joined with that.
 *
 * The values go down to where they are read. What groups, numbers, limits or unites rows on the way does so for each
 * set of them.
 */
import { bindError, literal } from '../context.js';
import type { Expression } from '../plan.js';
import { isComparable } from '../types.js';
import type { QuerySource } from './catalog.js';
import { columnOf, isReference, LEVEL, OUTER, reference, replaceColumns } from './columns.js';
import { emptyValue } from './correlated.js';
import { dependentJoin, sameValues } from './dependent-join.js';
import { joinOf } from './join-of.js';
import { outerFields, readsOuter } from './outer-fields.js';
import { pushDown } from './push-down.js';
import type { Aggregate, Expand, Field, OrderItem, Over, Relation, TopN, Values, Windowed } from './relation.js';

/** One row without fields. */
const ONE_ROW: Relation = { kind: 'values', fields: [], rows: [[]] };

/** Up to so many written rows are put beside each set of values, one after the other; more are joined with them. */
const ROWS_MAX = 16;

/** Rows for each set of values. */
export interface Dependent {
  /** The subquery's fields, then the values that it reads. */
  readonly relation: Relation;
  /** The fields of the query around it that these are. */
  readonly outer: readonly number[];
}

/** A subquery's rows for each set of values that it reads of `around`, the rows of the query around it. */
export function dependent(
  source: QuerySource,
  relation: Relation,
  around: Relation,
  location: number | undefined,
): Dependent {
  const outer = outerFields(relation);
  const keys = outer.map((field) => columnOf(around.fields, field));
  const odd = keys.find((key) => !isComparable(key.type));
  if (odd !== undefined)
    throw bindError(
      source,
      'SQL_UNSUPPORTED',
      `a subquery that reads a column of type ${odd.type} of the query around it: not supported`,
      location,
      'Cast it to text or jsonb in a subquery of FROM, and read that.',
    );
  const values: Relation =
    keys.length === 0
      ? ONE_ROW
      : {
          kind: 'aggregate',
          fields: outer.map((field) => around.fields[field]!),
          input: around,
          keys,
          sets: null,
          aggregates: [],
          always: false,
          windowEnd: null,
        };
  const refuse = (what: string): Error =>
    bindError(source, 'SQL_UNSUPPORTED', `${what} can not read the query around it`, location, 'Join with it instead.');
  return { relation: new Unnesting(values, outer, refuse).apply(relation), outer };
}

/** A subquery of written rows, functions and conditions, for each row of `around`, whose fields come behind its own. */
export function ofEachRow(relation: Relation, around: Relation): Relation {
  const refuse = (what: string): Error => new Error(`${what} is not of each row`);
  return new Unnesting(around, [...around.fields.keys()], refuse).apply(relation);
}

/** The conditions, over a subquery's rows, by which they meet the query around it. */
export function meets(relation: Relation, outer: readonly number[], around: Relation): Expression[] {
  const first = relation.fields.length - outer.length;
  return outer.map((field, i): Expression => {
    const { name, type } = around.fields[field]!;
    const args = [reference(OUTER, field, name, type), columnOf(relation.fields, first + i)];
    return { kind: 'not', arg: { kind: 'call', name: 'isDistinct', args, type: 'boolean' }, type: 'boolean' };
  });
}

/** Carries the values through one relation after the other. */
export class Unnesting {
  readonly values: Relation;
  readonly refuse: (what: string) => Error;
  readonly #outer: readonly number[];

  constructor(values: Relation, outer: readonly number[], refuse: (what: string) => Error) {
    this.values = values;
    this.#outer = outer;
    this.refuse = refuse;
  }

  /** A relation with the values behind its fields. */
  apply(relation: Relation): Relation {
    if (relation.kind === 'values' && (relation.rows.length <= ROWS_MAX || readsOuter(relation)))
      return this.#rows(relation);
    if (!readsOuter(relation)) return joinOf(relation, this.values, 'inner', null);
    switch (relation.kind) {
      case 'filter': {
        const input = this.apply(relation.input);
        return pushDown(input, this.over(relation.condition, relation.input.fields.length));
      }
      case 'project': {
        const input = this.apply(relation.input);
        const width = relation.input.fields.length;
        const expressions = [...relation.expressions.map((each) => this.over(each, width)), ...this.columns(width)];
        return { kind: 'project', fields: [...relation.fields, ...this.values.fields], input, expressions };
      }
      case 'aggregate':
        return this.#aggregate(relation);
      case 'join':
        return dependentJoin(this, relation);
      case 'union':
        return { ...relation, ...this.#wider(relation), inputs: relation.inputs.map((input) => this.apply(input)) };
      case 'intersect':
      case 'except': {
        const [left, right] = [this.apply(relation.left), this.apply(relation.right)];
        return { ...relation, ...this.#wider(relation), left, right };
      }
      case 'scan':
      case 'values':
        throw new Error(`${relation.kind} reads nothing around it`);
      default:
        return this.#added(relation);
    }
  }

  /** An expression over a relation of `width` fields, over that relation with the values behind them. */
  over(expression: Expression, width: number): Expression {
    return replaceColumns(expression, (column) => (isReference(column, OUTER) ? this.#value(column, width) : column));
  }

  /** A value; what a query further out has is lowered by a level, which it then is away. */
  #value(column: Extract<Expression, { kind: 'column' }>, width: number): Expression {
    const field = column.index - OUTER;
    if (field >= LEVEL) return { ...column, index: column.index - LEVEL };
    return this.columns(width)[this.#outer.indexOf(field)]!;
  }

  /** The values, from a position on. */
  columns(from: number): Expression[] {
    const { fields } = this.values;
    return fields.map((_, i) => ({ ...columnOf(fields, i), index: from + i }) as Expression);
  }

  /** Picks a relation's fields, then the values, out of wider rows. */
  arranged(input: Relation, fields: readonly Field[], at: (field: number) => number, values: number): Relation {
    const own = fields.map((field, i): Expression => ({ ...columnOf(input.fields, at(i)), name: field.name }) as never);
    return {
      kind: 'project',
      fields: [
        ...fields.map((field, i) => ({ ...field, nullable: input.fields[at(i)]!.nullable })),
        ...this.values.fields,
      ],
      input,
      expressions: [...own, ...this.columns(values)],
    };
  }

  #wider(relation: Relation): { fields: Field[] } {
    return { fields: [...relation.fields, ...this.values.fields] };
  }

  #rows(relation: Values): Relation {
    const inputs = relation.rows.map((row): Relation => ({
      kind: 'project',
      fields: [...relation.fields, ...this.values.fields],
      input: this.values,
      expressions: [...row.map((each) => this.over(each, 0)), ...this.columns(0)],
    }));
    return inputs.length === 1 ? inputs[0]! : { kind: 'union', ...this.#wider(relation), inputs };
  }

  /** Groups of each set of values, which are the first keys: so the bits of grouping sets stay. */
  #aggregate(relation: Aggregate): Relation {
    const width = relation.input.fields.length;
    const by = this.values.fields.length;
    const over = (each: Expression): Expression => this.over(each, width);
    const first = this.values.fields.map((_, i) => i);
    if (relation.sets?.some((set) => set.length === 0) === true) return this.#withTotals(relation);
    const grouped: Relation = {
      ...relation,
      fields: [...this.values.fields, ...relation.fields],
      input: this.apply(relation.input),
      keys: [...this.columns(width), ...relation.keys.map(over)],
      sets: relation.sets?.map((set) => [...first, ...set.map((key) => key + by)]) ?? null,
      aggregates: relation.aggregates.map((spec) => ({
        ...spec,
        args: spec.args.map(over),
        filter: spec.filter === null ? null : over(spec.filter),
        order: this.#ordered(spec.order, width),
      })),
      always: false,
      windowEnd: relation.windowEnd === null ? null : relation.windowEnd + by,
    };
    if (relation.always && relation.keys.length === 0 && relation.sets === null)
      return this.#withEmpty(relation, grouped);
    return this.arranged(grouped, relation.fields, (field) => field + by, 0);
  }

  /** Grouping sets of which some are of all rows: these have their row where there are none. */
  #withTotals(relation: Aggregate): Relation {
    const sets = relation.sets!.filter((set) => set.length > 0);
    const width = relation.keys.length;
    const fields = relation.fields.slice(width, -1);
    const total: Aggregate = { ...relation, fields, keys: [], sets: null, always: true, windowEnd: null };
    const bits = literal(2 ** width - 1, 'integer');
    const keys = relation.keys.map((key) => literal(null, key.type));
    const expressions = [...keys, ...fields.map((_, i) => columnOf(fields, i)), bits];
    const whole: Relation = { kind: 'project', fields: relation.fields, input: total, expressions };
    const totals = Array.from({ length: relation.sets!.length - sets.length }, () => this.apply(whole));
    const inputs = sets.length === 0 ? totals : [this.apply({ ...relation, sets }), ...totals];
    return { kind: 'union', ...this.#wider(relation), inputs };
  }

  /** A value for each set of values, also where it has no rows. */
  #withEmpty(relation: Aggregate, grouped: Relation): Relation {
    const by = this.values.fields.length;
    const fields: Field[] = [...grouped.fields, { name: '_found', type: 'boolean', nullable: false }];
    const expressions = [...grouped.fields.map((_, i) => columnOf(grouped.fields, i)), literal(true, 'boolean')];
    const marked: Relation = { kind: 'project', fields, input: grouped, expressions };
    const join = joinOf(this.values, marked, 'left', sameValues(this, 0, by));
    const isMissing: Expression = {
      kind: 'isNull',
      arg: columnOf(join.fields, join.fields.length - 1),
      negated: false,
      type: 'boolean',
    };
    const own = relation.aggregates.map((spec, i): Expression => {
      const value = columnOf(join.fields, 2 * by + i);
      const empty = emptyValue(spec);
      if (empty.kind === 'literal' && empty.value === null) return value;
      return { kind: 'case', branches: [{ when: isMissing, result: empty }], otherwise: value, type: value.type };
    });
    return { kind: 'project', ...this.#wider(relation), input: join, expressions: [...own, ...this.columns(0)] };
  }

  /** Relations that add fields behind those of their input. */
  #added(relation: Over | TopN | Expand | Windowed): Relation {
    const width = relation.input.fields.length;
    const by = this.values.fields.length;
    const input = this.apply(relation.input);
    const more = relation.fields.slice(width);
    const changed: Relation = { ...this.#changed(relation, width), fields: [...input.fields, ...more], input };
    return this.arranged(changed, relation.fields, (field) => (field < width ? field : field + by), width);
  }

  #changed(relation: Over | TopN | Expand | Windowed, width: number): Over | TopN | Expand | Windowed {
    const over = (each: Expression): Expression => this.over(each, width);
    switch (relation.kind) {
      case 'over': {
        const functions = relation.functions.map((spec) => ({
          ...spec,
          args: spec.args.map(over),
          filter: spec.filter === null ? null : over(spec.filter),
        }));
        return { ...relation, ...this.#partitioned(relation, width), functions };
      }
      case 'top':
        return { ...relation, ...this.#partitioned(relation, width), windowEnd: null };
      case 'expand':
        return { ...relation, calls: relation.calls.map((call) => ({ ...call, args: call.args.map(over) })) };
      case 'window': {
        const { window } = relation;
        if (!('keys' in window)) return relation;
        return { ...relation, window: { ...window, keys: [...window.keys.map(over), ...this.columns(width)] } };
      }
    }
  }

  #partitioned(relation: Over | TopN, width: number): Pick<Over, 'partition' | 'order'> {
    return {
      partition: [...relation.partition.map((each) => this.over(each, width)), ...this.columns(width)],
      order: this.#ordered(relation.order, width),
    };
  }

  #ordered(order: readonly OrderItem[], width: number): OrderItem[] {
    return order.map((item) => ({ ...item, expression: this.over(item.expression, width) }));
  }
}
