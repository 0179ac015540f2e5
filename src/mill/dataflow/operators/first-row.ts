/**
 * The first row of each partition of rows that are only added: deduplication, DISTINCT ON.
 *
 * Purpose: the commonest Top-N, with one row a partition and no object beside it. A row that comes first
 * is passed on at once; one that sorts before it takes its place.
 *
 * Limits: a partition with a window's end goes when no row in time can belong to it; others stay, and count
 * against the budget: what has been seen must be known as long as it may come again.
 * Recovery: the rows, from their pages.
 */
import type { TopN } from '../../../sql/relation/relation.js';
import type { OperatorScope } from '../build.js';
import { failureReason } from '../expressions.js';
import { keyFunction } from '../keys.js';
import type { Deltas, Operator, Row } from '../operator.js';
import { rowComparator, type Compare } from '../order.js';
import type { Key, StateTable } from '../state-table.js';
import { RowOutput } from './row-output.js';
import { bucketWidthMs, Expiry } from './expiry.js';
import { hashOf } from '../key-hash.js';
import { KeyIndex } from './key-index.js';
import { LeftOut } from './left-out.js';
import { RowStore } from './row-store.js';

/** Keeps the first row of each partition; its input must only add rows. */
export class FirstRowOperator implements Operator {
  readonly name = 'top';
  readonly tables: readonly StateTable<unknown>[];
  readonly #top: TopN;
  readonly #scope: OperatorScope;
  readonly #store: RowStore;
  readonly #index = new KeyIndex(null);
  readonly #keyOf: (row: Row) => Key;
  readonly #compare: Compare<Row>;
  readonly #output: RowOutput;
  readonly #leftOut: LeftOut;
  readonly #expiry: Expiry<number>;
  #horizonMs = Number.NEGATIVE_INFINITY;

  constructor(top: TopN, scope: OperatorScope) {
    const { context, path, output } = scope;
    const { fields } = top.input;
    this.#top = top;
    this.#scope = scope;
    this.#store = new RowStore(`${path}.rows`, fields, context.budget);
    this.tables = [this.#store.table as unknown as StateTable<unknown>];
    this.#keyOf = keyFunction(
      top.partition,
      top.partition.map(({ type }) => type),
    );
    this.#compare = rowComparator(top.order, fields);
    this.#output = new RowOutput(output);
    this.#leftOut = new LeftOut(context, top.input, fields);
    this.#expiry = new Expiry(bucketWidthMs(context.lagMs + context.allowedLatenessMs));
  }

  take(_input: number, { rows, stamps }: Deltas): void {
    for (let i = 0; i < rows.length; i++) {
      try {
        this.#row(rows[i]!, typeof stamps === 'number' ? stamps : stamps[i]!);
      } catch (error) {
        this.#leftOut.report(rows[i]!, failureReason(error));
      }
    }
    this.#output.send();
  }

  #row(row: Row, stamp: number): void {
    const key = this.#keyOf(row);
    const hash = hashOf(key);
    const slot = this.#index.get(key, hash) as number | undefined;
    if (slot === undefined) {
      const { windowEnd } = this.#top;
      const end = windowEnd === null ? null : (row[windowEnd] as number);
      if (end !== null && end < this.#horizonMs) return this.#leftOut.late(row, end, this.#horizonMs - end);
      // An order that can't be evaluated is found here, before the row is kept.
      this.#compare(row, row);
      if (!this.#scope.context.budget.hasRoom()) return this.#leftOut.report(row, 'state_full');
      this.#keep(key, hash, row, stamp);
      return;
    }
    const first = this.#store.rows[slot]!;
    const firstStamp = this.#store.stamps[slot]!;
    const order = this.#compare(row, first);
    if (order > 0 || (order === 0 && stamp >= firstStamp)) return;
    this.#emit(first, -1, firstStamp);
    this.#index.remove(slot);
    this.#store.remove(slot);
    this.#keep(key, hash, row, stamp);
  }

  #keep(key: Key, hash: number, row: Row, stamp: number): void {
    const slot = this.#store.add(row, stamp, 0);
    this.#index.add(key, hash, slot);
    this.#file(slot);
    this.#emit(row, 1, stamp);
  }

  #emit(row: Row, weight: number, stamp: number): void {
    this.#output.emit(this.#top.numbered ? [...row, 1] : row, weight, stamp);
  }

  #file(slot: number): void {
    const { windowEnd } = this.#top;
    if (windowEnd !== null) this.#expiry.add(this.#store.rows[slot]![windowEnd] as number, slot);
  }

  flush(): void {
    this.#store.settle();
  }

  advance(now: number): void {
    const { lagMs, allowedLatenessMs, isBatch } = this.#scope.context;
    const { windowEnd } = this.#top;
    if (isBatch || windowEnd === null) return;
    this.#horizonMs = now - lagMs - allowedLatenessMs;
    this.#expiry.due(this.#horizonMs, (slot) => {
      const end = this.#store.rows[slot]?.[windowEnd];
      // A slot that was freed and taken again is filed under its new end as well.
      if (end === undefined || (end as number) >= this.#horizonMs) return;
      this.#index.remove(slot);
      this.#store.remove(slot);
    });
    this.#store.settle();
  }

  restored(): void {
    this.#index.clear();
    for (const slot of this.#store.restored()) {
      const key = this.#keyOf(this.#store.rows[slot]!);
      this.#index.add(key, hashOf(key), slot);
      this.#file(slot);
    }
  }
}
