/** Adds up own rows of a day, row by row, for targets that have no database to do it. */
import { hashText, rowHash } from '../event/feed.js';
import { DecimalSum } from './decimal-text.js';
import type { TablePlan } from './table-plan.js';
import type { OwnDay } from './target.js';

/** The sums of one day. */
export class DaySum {
  readonly #names: readonly string[];
  readonly #sums: readonly DecimalSum[];
  #rows = 0;
  #lastRev = 0;
  #hash = 0n;

  constructor({ columns }: TablePlan) {
    const additive = columns.filter((column) => column.additive === true);
    this.#names = additive.map(({ name }) => name);
    this.#sums = additive.map(({ type }) => new DecimalSum(type === 'double precision'));
  }

  /** `value(n)`: the row's value of the additive column `n`. */
  add(key: Uint8Array, rev: number, value: (index: number) => string | number | null): void {
    this.#rows++;
    this.#lastRev = Math.max(this.#lastRev, rev);
    this.#hash += rowHash(key, rev);
    this.#sums.forEach((sum, index) => sum.add(value(index)));
  }

  /** What came. */
  total(): OwnDay {
    return {
      rows: this.#rows,
      lastRev: this.#lastRev,
      sums: Object.fromEntries(this.#names.map((name, index) => [name, this.#sums[index]!.text()])),
      hash: hashText(this.#hash),
    };
  }
}
