/**
 * Whether a grouped SELECT uses only what a group has one value of: grouped expressions and
 * aggregates. The engine would refuse it too, but in terms of generated names.
 */
import type { Fields, Statement } from './ast.js';
import { printBound } from './print.js';
import type { Bound, BoundFrom, BoundGrouping } from './tree.js';

/** The check of one SELECT. */
export class GroupCheck {
  readonly #statement: Statement;
  /** FROM items of this SELECT; columns of outer ones are constants here. */
  readonly #items = new Set<string>();
  readonly #grouped = new Set<string>();

  constructor(statement: Statement, from: readonly BoundFrom[], groupBy: readonly BoundGrouping[]) {
    this.#statement = statement;
    for (const item of from) this.#addItem(item);
    for (const grouping of groupBy) this.#addGrouping(grouping);
  }

  /** Throws when an expression uses a column that is neither grouped nor aggregated. */
  expression(bound: Bound, at: Fields): void {
    if (bound.kind === 'literal' || this.#grouped.has(printBound(bound))) return;
    if (bound.kind === 'column') {
      if (this.#items.has(bound.item))
        this.#statement.fail(
          'SQL_UNSUPPORTED',
          'a column must appear in the GROUP BY clause or be used in an aggregate function',
          at,
        );
      return;
    }
    if (bound.kind === 'call' && bound.aggregate === 'aggregate') return;
    for (const arg of bound.args) this.expression(arg, at);
  }

  #addItem(item: BoundFrom): void {
    if (item.kind === 'join') {
      this.#addItem(item.left);
      this.#addItem(item.right);
    } else this.#items.add(item.alias);
  }

  #addGrouping(grouping: BoundGrouping): void {
    if (grouping.kind === 'expression') this.#grouped.add(printBound(grouping.expression));
    else if (grouping.kind === 'list') for (const item of grouping.items) this.#grouped.add(printBound(item));
    else for (const item of grouping.items) this.#addGrouping(item);
  }
}
