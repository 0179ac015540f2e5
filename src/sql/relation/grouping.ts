/** GROUP BY: keys, grouping sets, and expressions over the groups. */
import type { GroupingFunc, GroupingSet, Node, ResTarget, SelectStmt } from 'libpg-query';
import { inArrival } from './arrival.js';
import { bindTyped } from '../bind.js';
import { bindOperator } from '../bind-call.js';
import { bindError, literal } from '../context.js';
import type { BindContext } from '../context.js';
import type { Expression } from '../plan.js';
import { sameExpression } from '../same-expression.js';
import { locationOf } from '../tree.js';
import { isComparable } from '../types.js';
import { visit } from '../walk.js';
import { AGGREGATES, columnOf, isReference, replace } from './columns.js';
import { determinedBy } from './identity.js';
import { endFieldOf, hasFixedSize, originOfExpression } from './lineage.js';
import type { AggregateSpec, Field, Relation } from './relation.js';

/** A SELECT item, with its column where it came from `*`. */
interface Target {
  readonly target: ResTarget;
  readonly column?: Expression;
}

/** Most grouping sets, as in PostgreSQL. */
const SETS_MAX = 4096;
/** A reference to the bits of a group's set, below the aggregates' own. */
const GROUPING = 'grouping';

/** `grouping(a, b)`: bound to a call that `Grouping.apply` resolves. */
export function groupingCall(context: BindContext, node: GroupingFunc): Expression {
  const args = (node.args ?? []).map((arg) => bindTyped(context, arg));
  return { kind: 'call', name: GROUPING, args, type: 'integer' };
}

/** The GROUP BY of one SELECT. */
export class Grouping {
  readonly isGrouped: boolean;
  readonly #context: BindContext;
  readonly #keys: Expression[] = [];
  readonly #sets: number[][] | null;

  readonly #nameOf: (column: number) => string;

  /** `nameOf`: a column of the rows, as messages name it. */
  constructor(
    context: BindContext,
    select: SelectStmt,
    targets: readonly Target[],
    nameOf: (column: number) => string,
  ) {
    this.#context = context;
    this.#nameOf = nameOf;
    const nodes = select.groupClause ?? [];
    this.isGrouped = nodes.length > 0;
    context.clause = 'GROUP BY';
    const isPlain = !nodes.some((node) => 'GroupingSet' in node);
    let sets: number[][] = [[]];
    for (const node of nodes) {
      const alternatives = this.#alternatives(node, targets);
      sets = sets.flatMap((set) => alternatives.map((more) => [...new Set([...set, ...more])]));
      if (sets.length > SETS_MAX)
        throw bindError(
          context,
          'SQL_UNSUPPORTED',
          `too many grouping sets present (maximum ${SETS_MAX})`,
          locationOf(node),
        );
    }
    this.#sets = isPlain ? null : sets;
  }

  /** Groups by further expressions. */
  add(keys: readonly Expression[]): void {
    for (const key of keys) if (!this.#keys.some((other) => sameExpression(other, key))) this.#keys.push(key);
  }

  /** Groups also by columns that the keys determine: those of a table whose PRIMARY KEY is among the keys. */
  addDetermined(input: Relation, expressions: readonly Expression[]): void {
    if (this.#sets !== null || !this.isGrouped) return;
    const given = new Set(this.#keys.flatMap((key) => (key.kind === 'column' ? [key.index] : [])));
    const determined = determinedBy(input, given);
    if (determined.size === 0) return;
    const wanted: Expression[] = [];
    for (const expression of expressions)
      visit(expression, (node) => {
        if (node.kind === 'column' && determined.has(node.index) && isComparable(node.type)) wanted.push(node);
      });
    this.add(wanted);
  }

  /** The sets that one item of GROUP BY stands for. */
  #alternatives(node: Node, targets: readonly Target[]): number[][] {
    if (!('GroupingSet' in node)) return [this.#keysOf(node, targets)];
    const { kind, content = [] } = node.GroupingSet as GroupingSet;
    switch (kind) {
      case 'GROUPING_SET_EMPTY':
        return [[]];
      case 'GROUPING_SET_SETS':
        return content.flatMap((item) => this.#alternatives(item, targets));
      case 'GROUPING_SET_ROLLUP': {
        const items = content.map((item) => this.#keysOf(item, targets));
        return Array.from({ length: items.length + 1 }, (_, n) => items.slice(0, items.length - n).flat());
      }
      case 'GROUPING_SET_CUBE': {
        const items = content.map((item) => this.#keysOf(item, targets));
        return Array.from({ length: 2 ** items.length }, (_, bits) =>
          items.filter((__, i) => (bits & (2 ** (items.length - 1 - i))) === 0).flat(),
        );
      }
      default:
        return [content.flatMap((item) => this.#keysOf(item, targets))];
    }
  }

  #keysOf(node: Node, targets: readonly Target[]): number[] {
    if ('RowExpr' in node) return (node.RowExpr.args ?? []).flatMap((item) => this.#keysOf(item, targets));
    const key = this.#key(node, targets);
    if (!isComparable(key.type))
      throw bindError(
        this.#context,
        'SQL_TYPE',
        `could not identify an equality operator for type ${key.type}`,
        locationOf(node),
        'Cast it to text, or take a field with ->>.',
      );
    const at = this.#keys.findIndex((other) => sameExpression(other, key));
    return [at >= 0 ? at : this.#keys.push(key) - 1];
  }

  #key(node: Node, targets: readonly Target[]): Expression {
    const context = this.#context;
    const location = locationOf(node);
    if ('A_Const' in node) {
      if (node.A_Const.ival === undefined)
        throw bindError(context, 'SQL_TYPE', 'non-integer constant in GROUP BY', location);
      const position = node.A_Const.ival.ival ?? 0;
      const picked = targets[position - 1];
      if (picked === undefined)
        throw bindError(context, 'SQL_TYPE', `GROUP BY position ${position} is not in select list`, location);
      return picked.column ?? bindTyped(context, picked.target.val!);
    }
    const fields = 'ColumnRef' in node ? (node.ColumnRef.fields ?? []) : [];
    const [field] = fields;
    const name = fields.length === 1 && field !== undefined && 'String' in field ? field.String.sval : undefined;
    const named = name === undefined ? [] : targets.filter(({ target }) => target.name === name);
    if (named.length === 0) return bindTyped(context, node);
    // A column of FROM goes before a name of the SELECT list.
    try {
      return bindTyped(context, node);
    } catch (error) {
      if ((error as { code?: string }).code !== 'SQL_UNKNOWN_COLUMN') throw error;
    }
    const [first, ...others] = named.map(({ target, column }) => column ?? bindTyped(context, target.val!));
    if (others.some((other) => !sameExpression(first!, other)))
      throw bindError(context, 'SQL_TYPE', `GROUP BY "${name!}" is ambiguous`, location);
    return first!;
  }

  /** Groups a relation. `over` turns an expression over its rows into one over the groups. */
  apply(
    input: Relation,
    aggregates: readonly AggregateSpec[],
  ): { relation: Relation; over: (expression: Expression) => Expression } {
    const keys = [...this.#keys];
    const shown = keys.length;
    const windowEnd = this.#sets === null ? windowEndKey(input, keys) : null;
    const hidden = keys.length - shown;
    const keyFields = keys.map((key, i): Field => ({
      name: key.kind === 'column' ? key.name : `key_${i + 1}`,
      type: key.type,
      nullable: this.#sets !== null || key.kind !== 'column' || key.nullable,
    }));
    const aggregateFields = aggregates.map((spec): Field => ({
      name: spec.name,
      type: spec.type,
      nullable: spec.name !== 'count' && spec.name !== 'approx_count_distinct',
    }));
    const bits: Field[] = this.#sets === null ? [] : [{ name: GROUPING, type: 'integer', nullable: false }];
    const relation: Relation = {
      kind: 'aggregate',
      fields: [...keyFields, ...aggregateFields, ...bits],
      input,
      keys,
      sets: this.#sets,
      aggregates: aggregates.map((spec) => inArrival(input, spec)),
      always: keys.length === 0,
      windowEnd,
    };
    const first = shown + hidden;
    return { relation, over: (expression) => this.#over(relation, expression, first) };
  }

  #over(relation: Relation, expression: Expression, first: number): Expression {
    return replace(expression, (node) => {
      if (node.kind === 'call' && node.name === GROUPING) return this.#groupingBits(relation, node.args);
      // With sets a constant is NULL where it is not in a group's set.
      const isFree = node.kind === 'literal' && this.#sets === null;
      const at = isFree ? -1 : this.#keys.findIndex((key) => sameExpression(key, node));
      if (at >= 0) return columnOf(relation.fields, at);
      if (isReference(node, AGGREGATES)) {
        const { index, name, type } = node as Extract<Expression, { kind: 'column' }>;
        const position = first + index - AGGREGATES;
        return { ...columnOf(relation.fields, position), name, type } as Expression;
      }
      if (node.kind !== 'column' || node.index >= AGGREGATES) return undefined;
      throw bindError(
        this.#context,
        'SQL_TYPE',
        `column "${this.#nameOf(node.index)}" must appear in the GROUP BY clause or be used in an aggregate function`,
        this.#context.positions.get(node),
        `Add ${node.name} to GROUP BY, or write max(${node.name}).`,
      );
    });
  }

  /** `grouping(a, b)`: a bit for each argument, 1 where it is not in the group's set. */
  #groupingBits(relation: Relation, args: readonly Expression[]): Expression {
    const context = this.#context;
    if (this.#sets === null || this.#keys.length === 0) return literal(0, 'integer');
    const bits = columnOf(relation.fields, relation.fields.length - 1);
    return args.reduce<Expression>(
      (sum, arg) => {
        const at = this.#keys.findIndex((key) => sameExpression(key, arg));
        if (at < 0)
          throw bindError(
            context,
            'SQL_TYPE',
            'arguments to GROUPING must be grouping expressions of the associated query level',
            context.positions.get(arg),
          );
        const weight = literal(2 ** (this.#keys.length - 1 - at), 'integer');
        const bit = bindOperator(
          context,
          '%',
          [bindOperator(context, '/', [bits, weight], undefined), literal(2, 'integer')],
          undefined,
        );
        const doubled = bindOperator(context, '*', [sum, literal(2, 'integer')], undefined);
        return bindOperator(context, '+', [doubled, bit], undefined);
      },
      literal(0, 'integer'),
    );
  }
}

/**
 * Which key is a window's end, so that groups die with it. A window whose end follows from its start is
 * grouped by both when it is grouped by its start.
 */
function windowEndKey(input: Relation, keys: Expression[]): number | null {
  for (const [index, key] of keys.entries()) if (originOfExpression(input, key)?.kind === 'windowEnd') return index;
  for (const key of [...keys]) {
    const origin = originOfExpression(input, key);
    if (origin?.kind !== 'windowStart' || !hasFixedSize(origin.window)) continue;
    const end = endFieldOf(input, key, origin.window);
    if (end >= 0) return keys.push(columnOf(input.fields, end)) - 1;
  }
  return null;
}
