/**
 * The parts that a kernel's source is put together from: names bound to a batch's arrays, tests and
 * operands for expressions.
 *
 * Three ways lead to an expression's value, the fastest that fits is taken: a column's array; a
 * lookup table by dictionary code (`lookups.ts`); the expression, printed over columns (`print.ts`).
 */
import type { ColumnBatch, DictionaryColumn, IntegerColumn } from '../../event/columns.js';
import type { Dictionary } from '../../event/dictionary.js';
import type { Schema } from '../../event/schema.js';
import { compile } from '../../sql/evaluate.js';
import { COLUMN_TYPES } from '../../sql/types.js';
import type { Expression } from '../../sql/plan.js';
import type { BytePool } from '../state/byte-pool.js';
import { canonicalOf } from '../../sql/canonical.js';
import { wideWords, type MappedColumn } from './columns.js';
import { columnsOf, usesBounds } from './expressions.js';
import { KernelRow, perEntry } from './kernel-row.js';
import { FAILS, FAILS_BIT, FAILS_ID, Lookup, NULL_ID } from './lookups.js';
import { wordOfBytes } from '../../sql/aggregates/sketches/hash.js';
import { printExpression } from './print.js';

/** Gives a name its value for one batch. */
export type Binder = (batch: ColumnBatch) => unknown;

/** What all kernels of one view share: its pool and lookup tables, by expression. */
export class KernelEnvironment {
  readonly schema: Schema;
  readonly pool: () => BytePool;
  readonly #lookups = new Map<string, Lookup<never>>();
  readonly #names = new Map<Expression, number>();
  readonly #columns = new Map<number, Expression>();
  readonly #notNull = new Map<number, Expression>();

  constructor(schema: Schema, pool: () => BytePool) {
    this.schema = schema;
    this.pool = pool;
  }

  /** A source column as an expression, the same object every time. */
  columnExpression(index: number): Expression {
    let expression = this.#columns.get(index);
    if (expression === undefined) {
      const { name, type, nullable } = this.schema.columns[index]!;
      expression = { kind: 'column', index, name, type: COLUMN_TYPES[type], nullable };
      this.#columns.set(index, expression);
    }
    return expression;
  }

  /** Whether a source column is not NULL, the same object every time. */
  notNull(index: number): Expression {
    let expression = this.#notNull.get(index);
    if (expression === undefined) {
      expression = { kind: 'isNull', arg: this.columnExpression(index), negated: true, type: 'boolean' };
      this.#notNull.set(index, expression);
    }
    return expression;
  }

  /** A number for an expression, the same every time. */
  numberOf(expression: Expression): number {
    const known = this.#names.get(expression);
    if (known !== undefined) return known;
    const number = this.#names.size;
    this.#names.set(expression, number);
    return number;
  }

  /** Drops the tables of pool ids, after the pool was compacted. */
  forgetIds(): void {
    for (const [name, lookup] of this.#lookups) if (name.startsWith('id')) lookup.clear();
  }

  #lookup<T extends Int32Array | Uint8Array | Uint32Array | unknown[]>(
    name: string,
    create: () => Lookup<T>,
  ): Lookup<T> {
    let lookup = this.#lookups.get(name) as Lookup<T> | undefined;
    if (lookup === undefined) {
      lookup = create();
      this.#lookups.set(name, lookup as unknown as Lookup<never>);
    }
    return lookup;
  }

  /** 1 where the expression is true. */
  flags(expression: Expression): Lookup<Uint8Array> {
    return this.#lookup(`flag${this.numberOf(expression)}`, () => {
      const evaluate = perEntry(compile(expression));
      return new Lookup<Uint8Array>(
        (size) => new Uint8Array(size),
        (table, at, dictionary, code) => {
          const value = evaluate(dictionary, code);
          table[at] = value === undefined ? FAILS : value === true ? 1 : 0;
        },
      );
    });
  }

  /** Bit p where expression p is true. */
  bits(expressions: readonly (Expression | undefined)[]): Lookup<Uint8Array> {
    const name = Array.from(expressions, (one) => (one === undefined ? '' : this.numberOf(one))).join();
    return this.#lookup(`bits${name}`, () => {
      const tables = Array.from(expressions, (one) => (one === undefined ? null : perEntry(compile(one))));
      return new Lookup<Uint8Array>(
        (size) => new Uint8Array(size),
        (table, at, dictionary, code) => {
          tables.forEach((evaluate, place) => {
            const value = evaluate === null ? null : evaluate(dictionary, code);
            if (value === true) table[at]! |= 1 << place;
            else if (value === undefined) table[at]! |= FAILS_BIT;
          });
        },
      );
    });
  }

  /** Pool ids of the expression's values. */
  ids(expression: Expression): Lookup<Int32Array> {
    return this.#lookup(`id${this.numberOf(expression)}`, () => {
      const evaluate = perEntry(compile(expression));
      const textOf = canonicalOf(expression);
      const isColumn = expression.kind === 'column';
      return new Lookup<Int32Array>(
        (size) => new Int32Array(size),
        (table, at, dictionary, code) => {
          if (isColumn && code >= 0) {
            table[at] = this.pool().intern(dictionary.data, dictionary.offsets[code]!, dictionary.offsets[code + 1]!);
            return;
          }
          const value = evaluate(dictionary, code);
          table[at] =
            value === undefined ? FAILS_ID : value === null ? NULL_ID : this.pool().internString(textOf(value));
        },
      );
    });
  }

  /** The expression's values; undefined where it fails. */
  values(expression: Expression): Lookup<unknown[]> {
    return this.#lookup(`value${this.numberOf(expression)}`, () => {
      const evaluate = perEntry(compile(expression));
      return new Lookup<unknown[]>(
        () => [],
        (table, at, dictionary, code) => {
          table[at] = evaluate(dictionary, code);
        },
      );
    });
  }

  /** What sketches keep of a column's entries. */
  hashes(expression: Expression): Lookup<Uint32Array> {
    return this.#lookup(`hash${this.numberOf(expression)}`, () => {
      return new Lookup<Uint32Array>(
        (size) => new Uint32Array(size),
        (table, at, dictionary, code) => {
          if (code < 0) return;
          table[at] = wordOfBytes(dictionary.data, dictionary.offsets[code]!, dictionary.offsets[code + 1]!);
        },
      );
    });
  }
}

/** Source that must come before, and an expression over it. */
export interface Printed {
  readonly before: readonly string[];
  readonly code: string;
}

/** Collects names and prints expressions for one shape of batch. */
export class KernelSource {
  readonly environment: KernelEnvironment;
  readonly #binders = new Map<string, Binder>();
  readonly row = new KernelRow();
  readonly #shapes: ReadonlyMap<number, string>;
  readonly #declared = new Set<number>();
  readonly #constants = new Map<unknown, string>();
  readonly #flags = new Set<string>();
  #fresh = 0;

  constructor(environment: KernelEnvironment, shapes: ReadonlyMap<number, string>) {
    this.environment = environment;
    this.#shapes = shapes;
  }

  shape(column: number): string {
    return this.#shapes.get(column)!;
  }

  bind(name: string, binder: Binder): string {
    this.#binders.set(name, binder);
    return name;
  }

  /** Declares what is bound: `columns` is what `bound` answers. */
  names(): string {
    return this.#binders.size === 0 ? '' : `const { ${[...this.#binders.keys()].join(', ')} } = columns;`;
  }

  /** The values of all names for a batch. */
  bound(batch: ColumnBatch): Record<string, unknown> {
    const columns: Record<string, unknown> = {};
    for (const [name, binder] of this.#binders) columns[name] = binder(batch);
    return columns;
  }

  /** A name that nothing else in the kernel has. */
  fresh(prefix: string): string {
    return `${prefix}_${this.#fresh++}`;
  }

  /** A name for a value that does not depend on the batch. */
  constant(value: unknown, hint: string): string {
    let name = this.#constants.get(value);
    if (name === undefined) {
      name = this.fresh(hint.replace(/\W/g, '') || 'f');
      this.#constants.set(value, name);
      this.bind(name, () => value);
    }
    return name;
  }

  /** True when row i of a column is null; undefined when none is. */
  nullTest(column: number): string | undefined {
    if (this.shape(column).startsWith('dm')) return `${this.#mapped(column)} === 0`;
    if (!this.shape(column).endsWith('n')) return undefined;
    const name = this.bind(`nulls${column}`, (batch) => batch.column(column).nulls);
    return `(${name}[i >> 3] & (1 << (i & 7))) !== 0`;
  }

  /** The row's place in a lookup table of a dictionary column. */
  entry(column: number): Printed {
    const name = `entry${column}`;
    if (this.#declared.has(column)) return { before: [], code: name };
    this.#declared.add(column);
    if (this.shape(column).startsWith('dm'))
      return { before: [`const ${name} = ${this.#mapped(column)};`], code: name };
    const codes = this.bind(`codes${column}`, (batch) => (batch.column(column) as DictionaryColumn).codes);
    const test = this.nullTest(column);
    return { before: [`const ${name} = ${test === undefined ? '' : `${test} ? 0 : `}${codes}[i] + 1;`], code: name };
  }

  /** The row's place in a lookup table of a mapped column. */
  #mapped(column: number): string {
    const bind = (name: string, of: (mapped: MappedColumn) => unknown): string =>
      this.bind(`${name}${column}`, (batch) => of(batch.column(column) as MappedColumn));
    const entry = `${bind('entries', ({ entries }) => entries)}[${bind('from', ({ source }) => source.codes)}[i]]`;
    if (!this.shape(column).endsWith('n')) return entry;
    const nulls = bind('absent', ({ source }) => source.nulls);
    return `((${nulls}[i >> 3] & (1 << (i & 7))) !== 0 ? 0 : ${entry})`;
  }

  /** Row i of a column of shape i0 to i4. */
  narrow(column: number): string {
    const base = this.bind(`base${column}`, (batch) => Number((batch.column(column) as IntegerColumn).base));
    if (this.shape(column).startsWith('i0')) return base;
    const deltas = this.bind(`deltas${column}`, (batch) => (batch.column(column) as IntegerColumn).deltas);
    return `${base} + ${deltas}[i]`;
  }

  /** The words of row i of a column of shape i8: high, low. */
  wide(column: number): { high: string; low: string } {
    const words = this.bind(`words${column}`, (batch) => wideWords(batch.column(column) as IntegerColumn, batch.rows));
    return { high: `(${words}[2 * i + 1] | 0)`, low: `${words}[2 * i]` };
  }

  /** Calls the compiled expression for row i. */
  call(expression: Expression): string {
    const compiled = compile(expression);
    const row = this.row;
    const name = `evaluate${this.environment.numberOf(expression)}`;
    this.bind(name, (batch) => {
      row.batch = batch;
      return (index: number) => {
        row.row = index;
        return compiled(row);
      };
    });
    return `${name}(i)`;
  }

  /** The one dictionary column that an expression reads, or -1. */
  dictionaryOf(expression: Expression): number {
    const columns = columnsOf(expression);
    if (columns.size !== 1 || usesBounds(expression)) return -1;
    const [column] = columns;
    return this.shape(column!).startsWith('d') ? column! : -1;
  }

  /** A lookup table's name; its value is the table for the batch's dictionary. */
  table(
    prefix: string,
    expression: Expression,
    column: number,
    lookup: Lookup<never> | { of(dictionary: Dictionary): unknown },
  ): string {
    return this.bind(`${prefix}${this.environment.numberOf(expression)}`, (batch) =>
      lookup.of((batch.column(column) as DictionaryColumn).dictionary),
    );
  }

  /** A table's name that has, for a dictionary column's entries, bit p where expression p is true. */
  bits(column: number, expressions: readonly (Expression | undefined)[]): string {
    const lookup = this.environment.bits(expressions);
    return this.bind(this.fresh('bits'), (batch) => lookup.of((batch.column(column) as DictionaryColumn).dictionary));
  }

  /** As `condition`, evaluated once for all that ask for the same expression. */
  flag(expression: Expression): Printed {
    const name = `on${this.environment.numberOf(expression)}`;
    if (this.#flags.has(name)) return { before: [], code: name };
    this.#flags.add(name);
    const { before, code } = this.condition(expression);
    return { before: [...before, `const ${name} = ${code};`], code: name };
  }

  /** Whether an expression is true: neither false nor NULL. */
  condition(expression: Expression): Printed {
    if (!this.#isCheap(expression)) return this.#general(expression);
    if (expression.kind === 'and' || expression.kind === 'or') {
      const parts = expression.args.map((arg) => this.condition(arg));
      const join = expression.kind === 'and' ? ' && ' : ' || ';
      return { before: parts.flatMap((part) => part.before), code: `(${parts.map((part) => part.code).join(join)})` };
    }
    if (expression.kind === 'literal') return { before: [], code: String(expression.value === true) };
    const column = this.dictionaryOf(expression);
    if (column >= 0) {
      const entry = this.entry(column);
      const flags = this.table('is', expression, column, this.environment.flags(expression));
      const flag = `${flags}[${entry.code}]`;
      return {
        before: entry.before,
        code: `(${flag} === 1 || (${flag} === ${FAILS} && ${this.call(expression)} === true))`,
      };
    }
    if (expression.kind === 'isNull' && expression.arg.kind === 'column') {
      const test = this.nullTest(expression.arg.index) ?? 'false';
      return { before: [], code: expression.negated ? `!(${test})` : `(${test})` };
    }
    if (expression.kind === 'column') {
      const name = this.bind(
        `flags${expression.index}`,
        (batch) => (batch.column(expression.index) as { values?: Uint8Array }).values,
      );
      const test = this.nullTest(expression.index);
      return { before: [], code: `(${name}[i] === 1${test === undefined ? '' : ` && !(${test})`})` };
    }
    return this.#general(expression);
  }

  /** Whether a condition is one test of an array or a table, or joins such tests. */
  #isCheap(expression: Expression): boolean {
    if (expression.kind === 'and' || expression.kind === 'or')
      return expression.args.every((arg) => this.#isCheap(arg));
    if (expression.kind === 'literal' || expression.kind === 'column' || this.dictionaryOf(expression) >= 0)
      return true;
    return expression.kind === 'isNull' && expression.arg.kind === 'column';
  }

  /** Any condition, printed over the columns; what may fail runs only where SQL would run it. */
  #general(expression: Expression): Printed {
    const { shared, prelude, value, isNull } = printExpression(this, expression, true);
    const before = prelude === '' ? shared : [...shared, prelude];
    return { before, code: isNull === 'false' ? `(${value})` : `(!(${isNull}) && (${value}))` };
  }
}
