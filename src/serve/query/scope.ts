/**
 * What names mean at a place in a statement: columns of FROM items, inside out, and CTEs.
 */
import type { Fields, Statement } from './ast.js';
import type { Bound, BoundOutput } from './tree.js';

/** A column that can be named. */
export interface VisibleColumn {
  /** Alias of the FROM item; null for a merged column of USING. */
  readonly qualifier: string | null;
  readonly name: string;
  /** Only found as `qualifier.name`: hidden behind a merged column of USING. */
  readonly qualifiedOnly: boolean;
  /** Left out of `*`. */
  readonly hidden: boolean;
  /** The bound column; notes that it is in use. */
  use(): Bound;
}

/** A CTE in reach. */
export interface CteEntry {
  /** As it is printed. */
  readonly printedName: string;
  readonly outputs: readonly BoundOutput[];
}

/** Names at one level of nesting. */
export class Scope {
  readonly parent: Scope | null;
  readonly columns: VisibleColumn[] = [];
  readonly aliases = new Set<string>();
  readonly #ctes = new Map<string, CteEntry>();

  constructor(parent: Scope | null) {
    this.parent = parent;
  }

  /** Adds a FROM item's columns; refuses an alias that is there already. */
  add(statement: Statement, alias: string | null, columns: readonly VisibleColumn[], at: Fields): void {
    if (alias !== null) {
      if (this.aliases.has(alias))
        statement.fail('SQL_UNSUPPORTED', `table name "${alias}" specified more than once`, at);
      this.aliases.add(alias);
    }
    this.columns.push(...columns);
  }

  /** This level without its columns: what an item of FROM sees that is not LATERAL. */
  outside(): Scope {
    const scope = new Scope(this.parent);
    for (const [name, entry] of this.#ctes) scope.addCte(name, entry);
    return scope;
  }

  /** All CTEs in reach and no columns of any level: what a CTE's own query sees. */
  withoutOuterColumns(): Scope {
    const scope = new Scope(this.parent?.withoutOuterColumns() ?? null);
    for (const [name, entry] of this.#ctes) scope.addCte(name, entry);
    return scope;
  }

  /** This level with more columns: what stands beside them in a join sees. */
  beside(columns: readonly VisibleColumn[], aliases: readonly string[]): Scope {
    const scope = this.outside();
    scope.columns.push(...this.columns, ...columns);
    for (const alias of [...this.aliases, ...aliases]) scope.aliases.add(alias);
    return scope;
  }

  /** Makes a CTE known here. */
  addCte(name: string, entry: CteEntry): void {
    this.#ctes.set(name, entry);
  }

  /** The CTE of a name, inside out. */
  cte(name: string): CteEntry | undefined {
    return this.#ctes.get(name) ?? this.parent?.cte(name);
  }

  /** Whether this level has a CTE of the name. */
  hasOwnCte(name: string): boolean {
    return this.#ctes.has(name);
  }

  /** Resolves a column name; throws SQL_UNKNOWN_COLUMN. */
  resolve(statement: Statement, qualifier: string | null, name: string, at: Fields): { bound: Bound; level: number } {
    let level = 0;
    for (let scope: Scope | null = this; scope !== null; scope = scope.parent, level++) {
      const found = scope.columns.filter(
        (column) =>
          column.name === name && (qualifier === null ? !column.qualifiedOnly : column.qualifier === qualifier),
      );
      if (found.length > 1) statement.fail('SQL_UNKNOWN_COLUMN', `column reference "${name}" is ambiguous`, at);
      if (found.length === 1) return { bound: found[0]!.use(), level };
      if (qualifier !== null && scope.aliases.has(qualifier)) break;
    }
    const shown = qualifier === null ? `"${name}"` : `${qualifier}.${name}`;
    const names = [...new Set(this.columns.filter((column) => !column.hidden).map((column) => column.name))].slice(
      0,
      40,
    );
    return statement.fail(
      'SQL_UNKNOWN_COLUMN',
      `column ${shown} does not exist`,
      at,
      names.length === 0 ? undefined : `there are ${names.join(', ')}`,
    );
  }
}
