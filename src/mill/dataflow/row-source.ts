/**
 * Source text of one generated function over rows, and the values that it uses.
 *
 * Expressions are printed by `sql/generate.ts`, with a row's fields as its columns; a field is read into
 * a local once. What is printed runs in the body of a function or of a loop, behind `declarations()`.
 */
import { generateValue } from '../../sql/generate.js';
import type { KernelScope } from '../../sql/generate.js';
import type { Expression } from '../../sql/plan.js';

/** A printed expression. */
export interface Printed {
  /** Statements to run first. They may throw SQL_RUNTIME. */
  readonly prelude: string;
  /** JavaScript of the value as `value.ts` says; null for NULL. */
  readonly value: string;
  /** JavaScript of whether it is NULL; `false` where it never is. */
  readonly isNull: string;
}

/** Puts a function together. */
export class RowSource {
  readonly #names: string[] = [];
  readonly #values: unknown[] = [];
  readonly #columns = new Map<string, string>();
  #count = 0;

  /** A name that nothing else has. */
  fresh(prefix: string): string {
    return `${prefix}${this.#count++}`;
  }

  /** Hands a value over; answers its name. */
  bind(value: unknown, hint: string): string {
    const known = this.#values.indexOf(value);
    if (known >= 0) return this.#names[known]!;
    const name = this.fresh(`${hint.replaceAll(/\W/g, '')}_`);
    this.#names.push(name);
    this.#values.push(value);
    return name;
  }

  /** The local that has a field. `row`: the name of the row's array. */
  column(index: number, row = 'row'): string {
    const name = `${row}_${index}`;
    this.#columns.set(name, `const ${name} = ${row}[${index}];`);
    return name;
  }

  /** Prints an expression over the fields of the row named `row`. */
  print(expression: Expression, row = 'row'): Printed {
    const scope: KernelScope = {
      decimals: true,
      windowStart: 'NaN',
      windowEnd: 'NaN',
      fresh: (prefix) => this.fresh(prefix),
      bind: (value, hint) => this.bind(value, hint),
      column: (index) => {
        const value = this.column(index, row);
        return { value, isNull: `${value} === null` };
      },
    };
    const { prelude, value, isNull } = generateValue(expression, scope);
    const never = isNull === 'false' || isNull === `${value} === null`;
    return { prelude, value: never ? value : `(${isNull} ? null : ${value})`, isNull };
  }

  /** Reads of the fields that were printed, of all rows or of the one named `row`. */
  declarations(row?: string): string {
    const lines = [...this.#columns].filter(([name]) => row === undefined || name.startsWith(`${row}_`));
    return lines.map(([, line]) => line).join(' ');
  }

  /** The function of these parameters and this body. */
  build<F>(parameters: readonly string[], body: string): F {
    return this.module(`return (${parameters.join(', ')}) => {\n${body}\n};`);
  }

  /** What the statements return. */
  module<T>(statements: string): T {
    const make = new Function(...this.#names, statements) as (...values: unknown[]) => T;
    return make(...this.#values);
  }
}
