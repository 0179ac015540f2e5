/**
 * SELECT, from the tree to relations, in the order in which it is evaluated: FROM, WHERE, GROUP BY,
 * HAVING, window functions, the SELECT list, DISTINCT, ORDER BY.
 */
import type { Node, ResTarget, SelectStmt, SubLink, WindowDef } from 'libpg-query';
import { bindCondition, bindTyped } from '../bind.js';
import { bindError, literal } from '../context.js';
import type { BindContext, QueryBinder } from '../context.js';
import type { Expression } from '../plan.js';
import { sameExpression } from '../same-expression.js';
import { locationOf } from '../tree.js';
import { columnsOf } from '../walk.js';
import { bindAggregateSpec, callName, isAggregate } from './aggregates.js';
import {
  AGGREGATES,
  allOf,
  columnOf,
  EXPANSIONS,
  FUNCTIONS,
  hasReference,
  keyOf,
  OUTER,
  reference,
  replaceReference,
  SUBQUERIES,
} from './columns.js';
import { addExpansions } from './expand.js';
import { bindExpansion, isExpansion } from './expansions.js';
import type { Expansion } from './expansions.js';
import { planFrom } from './from.js';
import type { From } from './from.js';
import { groupingCall, Grouping } from './grouping.js';
import { fieldOf, uniqueKey } from './identity.js';
import { derivedName, isExcepted } from './names.js';
import { readOrder } from './order.js';
import { bindOver, mapOver, requireOver } from './over.js';
import type { BoundOver } from './over.js';
import { readsOuter } from './outer-fields.js';
import { pushDown } from './push-down.js';
import { expressionContext } from './query-context.js';
import type { BegunSelect, QueryContext } from './query-context.js';
import { rateLimit } from './rate-limit.js';
import type { AggregateSpec, Field, OrderItem, Relation } from './relation.js';
import { lookAround, lookUp, nameIn, unknownColumn } from './scope.js';
import { emptyValue, withScalar } from './correlated.js';
import type { Scalar } from './correlated.js';
import { applyCondition, subqueryValue } from './subqueries.js';
import { addOver, andParts, distinctOn, distinctRows, isNullable, narrowed, projected } from './steps.js';
import type { Body } from './steps.js';

/** One SELECT with a FROM, while it is planned. */
export class SelectPlanner implements BegunSelect {
  readonly context: QueryContext;
  readonly bind: BindContext;
  readonly from: From;
  /** Conditions of WHERE that read the query around this one. */
  readonly correlated: Expression[] = [];
  readonly #select: SelectStmt;
  readonly #aggregates: AggregateSpec[] = [];
  readonly #functions: BoundOver[] = [];
  readonly #expansions: Expansion[] = [];
  readonly #scalars: { scalar: Scalar; readonly link: SubLink }[] = [];
  readonly #windows = new Map<string, WindowDef>();
  /** Subqueries that GROUP BY names or counts: in the SELECT list they are the same values. */
  readonly #grouped = new Map<SubLink, Expression>();
  /** FROM and WHERE, then what each clause makes of it. */
  relation: Relation;

  constructor(context: QueryContext, select: SelectStmt) {
    this.context = context;
    this.#select = select;
    this.from = planFrom(context, select.fromClause ?? []);
    this.relation = this.from.relation;
    const query: QueryBinder = {
      column: (names, location) => this.#column(names, location),
      node: (node) => this.#node(node),
    };
    this.bind = expressionContext(context.source, query, 'WHERE');
    for (const node of select.windowClause ?? [])
      if ('WindowDef' in node) this.#windows.set(node.WindowDef.name ?? '', node.WindowDef);
    this.#where();
  }

  #column(names: readonly string[], location: number | undefined): Expression {
    const { source, outer } = this.context;
    const found = lookUp(this.from.scope, names, source, location);
    if (found !== undefined) return found;
    const around = lookAround(outer, names, source, location);
    if (around !== undefined) return around;
    throw unknownColumn(this.from.scope, names, source, location);
  }

  #node(node: Node): Expression | undefined {
    if ('GroupingFunc' in node) return groupingCall(this.bind, node.GroupingFunc);
    if ('SubLink' in node) {
      const link = node.SubLink;
      const { clause } = this.bind;
      const known = this.#grouped.get(link);
      if (known !== undefined) return known;
      const isBefore = clause === 'an aggregate' || clause === 'FILTER' || clause === 'GROUP BY';
      const add = (scalar: Scalar): Expression => {
        if (!isBefore) return this.#scalar(scalar, link);
        // What is aggregated or grouped by is computed before the rows are grouped: it stands behind their fields.
        this.relation = withScalar(this.relation, scalar, link);
        return columnOf(this.relation.fields, this.relation.fields.length - 1);
      };
      const value = subqueryValue(this.context, this.bind, this.from.scope, this.relation, link, add);
      if (clause === 'GROUP BY') this.#grouped.set(link, value);
      return value;
    }
    if (!('FuncCall' in node)) return undefined;
    const call = node.FuncCall;
    const name = callName(call);
    if (call.over !== undefined) return this.#function(bindOver(this.bind, call, this.#windows), call.location);
    if (name === 'rate_limit') return this.#function(rateLimit(this.bind, call, this.from), call.location);
    requireOver(this.bind, call, name);
    if (isAggregate(call)) return this.#aggregate(call);
    if (!isExpansion(name)) return undefined;
    if (this.bind.clause !== 'SELECT') this.#misplaced(`${name} is not allowed in ${this.bind.clause}`, call.location);
    const expansion = bindExpansion(this.bind, call);
    this.#expansions.push(expansion);
    return reference(EXPANSIONS, this.#expansions.length - 1, name, expansion.type);
  }

  #scalar(scalar: Scalar, link: SubLink): Expression {
    this.#scalars.push({ scalar, link });
    const { name, type } = scalar.relation.fields.at(-1)!;
    return reference(SUBQUERIES, this.#scalars.length - 1, name, type);
  }

  #misplaced(message: string, location: number | undefined): never {
    throw bindError(this.context.source, 'SQL_TYPE', message, location);
  }

  #function(bound: BoundOver, location: number | undefined): Expression {
    const { clause } = this.bind;
    if (clause !== 'SELECT' && clause !== 'ORDER BY')
      this.#misplaced(`window functions are not allowed in ${clause}`, location);
    const text = keyOf(bound);
    let at = this.#functions.findIndex((other) => keyOf(other) === text);
    if (at < 0) at = this.#functions.push(bound) - 1;
    return reference(FUNCTIONS, at, bound.spec.name, bound.spec.type);
  }

  #aggregate(call: Extract<Node, { FuncCall: unknown }>['FuncCall']): Expression {
    const { clause } = this.bind;
    if (clause === 'an aggregate') this.#misplaced('aggregate function calls cannot be nested', call.location);
    if (clause !== 'SELECT' && clause !== 'HAVING' && clause !== 'ORDER BY')
      this.#misplaced(`aggregate functions are not allowed in ${clause}`, call.location);
    const spec = bindAggregateSpec(this.bind, call);
    this.#requireOwn(spec, call.location);
    const text = keyOf(spec);
    let at = this.#aggregates.findIndex((other) => keyOf(other) === text);
    if (at < 0) at = this.#aggregates.push(spec) - 1;
    return reference(AGGREGATES, at, spec.name, spec.type);
  }

  /** An aggregate of nothing but columns of the query around this one is one of that query: it is not told apart here. */
  #requireOwn({ args }: AggregateSpec, location: number | undefined): void {
    const read = args.flatMap(columnsOf);
    if (read.length === 0 || !read.every((index) => index >= OUTER)) return;
    throw bindError(
      this.context.source,
      'SQL_UNSUPPORTED',
      'an aggregate of columns of the query around this one alone: not supported',
      location,
      'Write it in the query whose columns they are.',
    );
  }

  #where(): void {
    const { whereClause } = this.#select;
    if (whereClause === undefined) return;
    let width = this.from.relation.fields.length;
    for (const node of andParts(whereClause)) {
      this.bind.clause = 'WHERE';
      const condition = applyCondition(this, node);
      if (condition === null) continue;
      this.relation = this.#withScalars();
      if (hasReference(condition, OUTER)) {
        this.correlated.push(this.#resolved(condition));
        width = this.relation.fields.length; // What it reads of subqueries stays.
      } else this.relation = pushDown(this.relation, this.#resolved(condition));
      this.relation = narrowed(this.relation, width);
    }
  }

  /** Binds one condition of WHERE. */
  condition(node: Node): Expression {
    return bindCondition(this.bind, node, 'WHERE');
  }

  /** The relation with the results of scalar subqueries that were met since, behind its fields. */
  #withScalars(): Relation {
    this.#scalarsAt = this.relation.fields.length;
    let relation = this.relation;
    for (const { scalar, link } of this.#scalars) relation = withScalar(relation, scalar, link);
    this.#scalars.length = 0;
    return relation;
  }
  #scalarsAt = 0;

  #resolved(expression: Expression): Expression {
    return replaceReference(expression, SUBQUERIES, (index) => this.#scalarsAt + index);
  }

  /** The SELECT list, `*` written out. */
  targets(): { readonly target: ResTarget; readonly column?: Expression }[] {
    return (this.#select.targetList ?? []).flatMap((node) => {
      if (!('ResTarget' in node))
        throw bindError(this.context.source, 'SQL_UNSUPPORTED', 'this SELECT item is not supported', locationOf(node));
      const target = node.ResTarget;
      const fields = target.val !== undefined && 'ColumnRef' in target.val ? (target.val.ColumnRef.fields ?? []) : [];
      if (!fields.some((field) => 'A_Star' in field)) return [{ target }];
      const [first] = fields;
      const relation = fields.length > 1 && first !== undefined && 'String' in first ? first.String.sval : undefined;
      const { columns, fields: all } = this.from.scope;
      const shown = columns.filter(
        (column) =>
          !isExcepted(fields, column.name) &&
          column.isUnlisted !== true &&
          (relation === undefined ? column.isHidden !== true : column.relation === relation),
      );
      if (shown.length === 0)
        throw unknownColumn(this.from.scope, [relation ?? '', '*'], this.context.source, target.location);
      return shown.map((column) => ({
        target: { ...target, name: column.name },
        column: { ...columnOf(all, column.index), name: column.name } as Expression,
      }));
    });
  }

  /** Plans the whole. `order`: ORDER BY. */
  plan(order: readonly Node[]): Body {
    const around = allOf(this.correlated);
    if (around !== null) {
      const { fields } = this.relation;
      this.relation = { kind: 'filter', fields, input: this.relation, condition: around };
    }
    const targets = this.targets();
    const grouping = new Grouping(this.bind, this.#select, targets, (column) => nameIn(this.from.scope, column));
    this.bind.clause = 'SELECT';
    const selected = targets.map(({ target, column }) => column ?? bindTyped(this.bind, target.val!));
    const names = targets.map(({ target }) => target.name ?? derivedName(target.val!));
    this.bind.clause = 'HAVING';
    const { havingClause } = this.#select;
    const having = havingClause === undefined ? null : bindCondition(this.bind, havingClause, 'HAVING');
    this.bind.clause = 'ORDER BY';
    const items = order.map((node) => this.#orderItem(node, names, selected));
    const on = this.#distinctOn(names, selected);
    const all = [...selected, ...items.map((item) => item.expression), ...on];
    const done = this.#evaluate(grouping, all, having);
    return this.#project(done, names, items, on.length);
  }

  grouped(keys: readonly Expression[]): { relation: Relation; empty: Expression } | undefined {
    const targets = this.targets();
    const [first] = targets;
    if (first === undefined || targets.length > 1)
      this.#misplaced(
        'subquery must return only one column',
        this.#select.targetList?.[0] && locationOf(this.#select.targetList[0]),
      );
    const grouping = new Grouping(this.bind, this.#select, targets, (column) => nameIn(this.from.scope, column));
    grouping.add(keys);
    this.bind.clause = 'SELECT';
    const value = first!.column ?? bindTyped(this.bind, first!.target.val!);
    const isLater = this.#functions.length + this.#expansions.length > 0;
    if (isLater || this.#readsAround([value])) return undefined;
    if (this.#aggregates.length === 0 && this.#isOneOf(keys)) {
      const relation = projected(this.#withScalars(), [...keys, this.#resolved(value)]);
      return { relation, empty: literal(null, value.type) };
    }
    if (this.#aggregates.length === 0) return undefined;
    const empty = replaceReference(value, AGGREGATES, (index) => emptyValue(this.#aggregates[index]!));
    const done = this.#evaluate(grouping, [...keys, value], null);
    return { empty, relation: projected(this.relation, done) };
  }

  /** Whether expressions, aggregates or subqueries among them, read the query around this one. */
  #readsAround(expressions: readonly Expression[]): boolean {
    const inside = this.#aggregates.flatMap(({ args, filter, order }) => [
      ...args,
      ...(filter === null ? [] : [filter]),
      ...order.map((item) => item.expression),
    ]);
    const met = this.#scalars.flatMap(({ scalar }) => scalar.outer);
    const isMet = this.#scalars.some(({ scalar }) => readsOuter(scalar.relation));
    return isMet || [...expressions, ...inside, ...met].some((each) => hasReference(each, OUTER));
  }

  /** Whether no two rows share these. */
  #isOneOf(keys: readonly Expression[]): boolean {
    const unique = uniqueKey(this.relation);
    return unique?.every((field) => fieldOf(keys, field) >= 0) === true;
  }

  /** GROUP BY, HAVING, subqueries, window functions: the relation, and the expressions over it. */
  #evaluate(grouping: Grouping, all: readonly Expression[], having: Expression | null): readonly Expression[] {
    let expressions = all;
    let condition = having;
    if (grouping.isGrouped || this.#aggregates.length > 0 || having !== null) {
      grouping.addDetermined(this.relation, having === null ? all : [...all, having]);
      const grouped = grouping.apply(this.relation, this.#aggregates);
      this.relation = grouped.relation;
      expressions = all.map((each) => grouped.over(each));
      condition = having === null ? null : grouped.over(having);
      this.#mapLater((each) => grouped.over(each));
      for (const each of this.#scalars)
        each.scalar = { ...each.scalar, outer: each.scalar.outer.map((outer) => grouped.over(outer)) };
    }
    if (this.#scalars.length > 0) {
      this.relation = this.#withScalars();
      expressions = expressions.map((each) => this.#resolved(each));
      condition = condition === null ? null : this.#resolved(condition);
      this.#mapLater((each) => this.#resolved(each));
    }
    if (condition !== null) this.relation = pushDown(this.relation, condition);
    if (this.#functions.length > 0) {
      const added = addOver(this.relation, this.#functions);
      this.relation = added.relation;
      const placed = (each: Expression): Expression =>
        replaceReference(each, FUNCTIONS, (index) => added.positions[index]!);
      expressions = expressions.map(placed);
      this.#mapLater(placed);
    }
    if (this.#expansions.length === 0) return expressions;
    const added = addExpansions(this.relation, this.#expansions);
    this.relation = added.relation;
    return expressions.map((each) => replaceReference(each, EXPANSIONS, (index) => added.positions[index]!));
  }

  /** Window functions and expansions are evaluated last: what they read is over what the rows have become. */
  #mapLater(map: (expression: Expression) => Expression): void {
    this.#functions.forEach((bound, i) => void (this.#functions[i] = mapOver(bound, map)));
    this.#expansions.forEach((each, i) => void (this.#expansions[i] = { ...each, args: each.args.map(map) }));
  }

  #project(all: readonly Expression[], names: readonly string[], items: readonly OrderItem[], on: number): Body {
    const width = names.length;
    const fields = all.map((expression, i): Field => ({
      name: names[i] ?? `_order_${i - width}`,
      type: expression.type,
      nullable: isNullable(expression),
    }));
    const relation: Relation = { kind: 'project', fields, input: this.relation, expressions: all };
    const order = items.map((item, i) => ({ ...item, expression: columnOf(fields, width + i) }));
    const { distinctClause } = this.#select;
    if (distinctClause === undefined) return { relation, width, order };
    if (on > 0) return distinctOn(this.bind, relation, width, order, on);
    return distinctRows(this.bind, relation, width, order, all);
  }

  #distinctOn(names: readonly string[], selected: readonly Expression[]): Expression[] {
    return (this.#select.distinctClause ?? [])
      .filter((node) => Object.keys(node).length > 0)
      .map((node) => this.#orderItem(node, names, selected).expression);
  }

  /** ORDER BY: a column's name as it is shown, a position, or an expression. */
  #orderItem(node: Node, names: readonly string[], selected: readonly Expression[]): OrderItem {
    return readOrder(node, (item) => {
      const location = locationOf(item);
      if ('A_Const' in item && item.A_Const.ival !== undefined) {
        const position = item.A_Const.ival.ival ?? 0;
        const found = selected[position - 1];
        if (found === undefined) this.#misplaced(`ORDER BY position ${position} is not in select list`, location);
        return found!;
      }
      const fields = 'ColumnRef' in item ? (item.ColumnRef.fields ?? []) : [];
      const [field] = fields;
      if (fields.length === 1 && field !== undefined && 'String' in field) {
        const found = selected.filter((_, i) => names[i] === field.String.sval);
        if (found.length > 1 && found.some((other) => !sameExpression(other, found[0]!)))
          this.#misplaced(`ORDER BY "${field.String.sval}" is ambiguous`, location);
        if (found.length > 0) return found[0]!;
      }
      return bindTyped(this.bind, item);
    });
  }
}
