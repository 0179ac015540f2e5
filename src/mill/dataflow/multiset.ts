/** Rows and how often each occurs, for the result of a batch, in the order in which they came. Bounded by what came. */
import type { SqlType } from '../../sql/plan.js';
import { wholeRowKey } from './keys.js';
import type { Deltas, Row } from './operator.js';
import type { Key } from './state-table.js';

interface Entry {
  readonly row: Row;
  count: number;
}

/** A multiset of rows, changed by deltas. */
export class Multiset {
  readonly #keyOf: (row: Row) => Key;
  readonly #entries = new Map<Key, Entry>();
  /** An entry as often as its row came. */
  readonly #arrivals: Entry[] = [];

  constructor(types: readonly SqlType[]) {
    this.#keyOf = wholeRowKey(types, { isExact: true });
  }

  take({ rows, weights }: Deltas): void {
    for (let i = 0; i < rows.length; i++) this.#add(rows[i]!, weights === null ? 1 : weights[i]!);
  }

  #add(row: Row, weight: number): void {
    const key = this.#keyOf(row);
    let entry = this.#entries.get(key);
    if (entry === undefined) this.#entries.set(key, (entry = { row, count: 0 }));
    entry.count += weight;
    for (let i = 0; i < weight; i++) this.#arrivals.push(entry);
  }

  /** Every row as often as it occurs. Of equal rows those stay that came last. */
  rows(): Row[] {
    const left = new Map<Entry, number>();
    const rows: Row[] = [];
    for (let i = this.#arrivals.length - 1; i >= 0; i--) {
      const entry = this.#arrivals[i]!;
      const count = left.get(entry) ?? entry.count;
      if (count > 0) rows.push(entry.row);
      left.set(entry, count - 1);
    }
    return rows.reverse();
  }
}
