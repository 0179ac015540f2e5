/**
 * References in expressions while a query is bound.
 *
 * Aggregates, window functions and subqueries are bound before it is known where their results will
 * stand; until then they are columns with indexes above all real ones, a range for each kind.
 */
import type { Expression } from '../plan.js';
import { visit } from '../walk.js';
import type { Field } from './relation.js';

/** First index of each kind of reference; real columns lie below all. */
export const AGGREGATES = 1 << 20;
export const FUNCTIONS = 2 << 20;
export const SUBQUERIES = 3 << 20;
export const EXPANSIONS = 4 << 20;
export const OUTER = 5 << 20;
const END = 6 << 20;
/**
 * References to queries around a subquery: those to the one around that begin a level further, and so on. What is
 * joined with the query around it is lowered by one.
 */
export const LEVEL = 1 << 16;
/** How many queries around it a subquery can read. */
export const LEVELS = 15;

/** A column of a relation. */
export function columnOf(fields: readonly Field[], index: number): Expression {
  const field = fields[index]!;
  return { kind: 'column', index, name: field.name, type: field.type, nullable: field.nullable };
}

/** A reference of a kind. */
export function reference(kind: number, index: number, name: string, type: Expression['type']): Expression {
  return { kind: 'column', index: kind + index, name, type, nullable: true };
}

/** Whether a column stands for something of a kind. */
export function isReference(expression: Expression, kind: number): boolean {
  return expression.kind === 'column' && expression.index >= kind && expression.index < kind + (1 << 20);
}

/** Whether an expression has a reference of a kind anywhere. */
export function hasReference(expression: Expression, kind: number): boolean {
  let found = false;
  visit(expression, (node) => {
    found ||= isReference(node, kind);
  });
  return found;
}

/** Replaces parts of an expression, from the outside in; undefined: look inside. */
export function replace(expression: Expression, change: (node: Expression) => Expression | undefined): Expression {
  const changed = change(expression);
  if (changed !== undefined) return changed;
  const inside = (child: Expression): Expression => replace(child, change);
  switch (expression.kind) {
    case 'call':
    case 'and':
    case 'or':
      return { ...expression, args: expression.args.map(inside) };
    case 'not':
    case 'isNull':
      return { ...expression, arg: inside(expression.arg) };
    case 'case':
      return {
        ...expression,
        branches: expression.branches.map(({ when, result }) => ({ when: inside(when), result: inside(result) })),
        otherwise: inside(expression.otherwise),
      };
    default:
      return expression;
  }
}

/** An expression with its real columns moved by `by`. */
export function shifted(expression: Expression, by: number): Expression {
  return by === 0 ? expression : moved(expression, (index) => index + by);
}

/** An expression with its real columns at other positions. */
export function moved(expression: Expression, to: (index: number) => number): Expression {
  return replace(expression, (node) =>
    node.kind === 'column' && node.index < AGGREGATES ? { ...node, index: to(node.index) } : undefined,
  );
}

/** The parts of a condition that must all be true. */
export function conjuncts(condition: Expression | null): Expression[] {
  if (condition === null) return [];
  if (condition.kind === 'and') return condition.args.flatMap(conjuncts);
  if (condition.kind === 'literal' && condition.value === true) return [];
  return [condition];
}

/** All of these; null for none. */
export function allOf(parts: readonly Expression[]): Expression | null {
  if (parts.length === 0) return null;
  return parts.length === 1 ? parts[0]! : { kind: 'and', args: parts, type: 'boolean' };
}

/** Whether an index is a real column's. */
export function isReal(index: number): boolean {
  return index < AGGREGATES || index >= END;
}

/** An expression with each of its columns, real or not, replaced. */
export function replaceColumns(
  expression: Expression,
  change: (column: Extract<Expression, { kind: 'column' }>) => Expression,
): Expression {
  return replace(expression, (node) => (node.kind === 'column' ? change(node) : undefined));
}

/** Equal texts, equal calls. */
export function keyOf(value: object): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each));
}

/** Puts what it stands for in place of each reference of a kind. */
export function replaceReference(
  expression: Expression,
  kind: number,
  to: (index: number) => number | Expression,
): Expression {
  return replace(expression, (node) => {
    if (node.kind !== 'column' || !isReference(node, kind)) return undefined;
    const found = to(node.index - kind);
    return typeof found === 'number' ? { ...node, index: found } : found;
  });
}
