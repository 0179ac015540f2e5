/**
 * Aggregates that need more than a running state: their rows are kept, counted.
 *
 * - DISTINCT: the rows' arguments with their counts; the aggregate sees each once.
 * - An order (`string_agg(x ORDER BY y)`): the aggregate is run over all rows in order when it is read.
 * - An aggregate that can't take a row back, or can't be merged: run over all rows, the same way.
 *
 * State grows with the number of different rows of a group, and counts against the view's budget.
 */
import type { Aggregator } from '../../../sql/aggregates/definition.js';
import type { SqlType } from '../../../sql/plan.js';
import type { OrderItem } from '../../../sql/relation/relation.js';
import type { Value } from '../../../sql/value.js';
import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import { wholeRowKey } from '../keys.js';
import type { Row } from '../operator.js';
import { rowComparator } from '../order.js';
import type { Compare } from '../order.js';
import { rowCodec } from '../rows.js';
import type { Key, StateCodec } from '../state-table.js';

/** Bytes of a map's entry and its object. */
const KEPT_BYTES = 176;

/** Arguments, and how often they came. */
interface Kept {
  readonly args: Row;
  count: number;
}

/** Rows of a group. */
class KeptRows {
  readonly byKey = new Map<Key, Kept>();
  bytes = 240;
  /** In order; null after a change. */
  sorted: Kept[] | null = null;
  /** State of the aggregate itself, where it follows each change; null where it is run over all rows. */
  live: unknown = null;
}

/** How rows are kept. */
export interface KeptOptions {
  /** What the aggregate is called with, and behind it what the order goes by. */
  readonly types: readonly SqlType[];
  /** How many of `types` are the aggregate's arguments. */
  readonly width: number;
  readonly isDistinct: boolean;
  /** Over `types`, as columns. */
  readonly order: readonly OrderItem[];
}

/** The aggregate of rows that are kept; it takes rows back and merges, whatever `inner` can. */
export class KeptAggregator implements Aggregator<KeptRows> {
  readonly #inner: Aggregator<unknown>;
  readonly #width: number;
  readonly #isDistinct: boolean;
  /** Whether DISTINCT passes a row's first copy on, and takes it back with the last: the order does not matter. */
  readonly #isLive: boolean;
  readonly #keyOf: (row: Row) => Key;
  readonly #compare: Compare<Row>;
  readonly #codec: StateCodec<Row>;

  constructor(inner: Aggregator<unknown>, { isDistinct, order, types, width }: KeptOptions) {
    this.#inner = inner;
    this.#width = width;
    this.#isDistinct = isDistinct;
    this.#isLive = isDistinct && order.length === 0 && width === types.length && inner.merge !== undefined;
    this.#keyOf = wholeRowKey(types, { isExact: !isDistinct });
    const fields = types.map((type) => ({ name: '', type, nullable: true }));
    this.#compare = rowComparator(order, fields);
    this.#codec = rowCodec(fields);
  }

  create(): KeptRows {
    const state = new KeptRows();
    if (this.#isLive) state.live = this.#inner.create();
    return state;
  }

  add(state: KeptRows, args: readonly Value[]): void {
    this.#change(state, args, 1);
  }

  remove(state: KeptRows, args: readonly Value[]): void {
    this.#change(state, args, -1);
  }

  merge(into: KeptRows, from: KeptRows): void {
    for (const { args, count } of from.byKey.values()) this.#change(into, args, count);
  }

  #change(state: KeptRows, args: Row, count: number): void {
    const key = this.#keyOf(args);
    const kept = state.byKey.get(key);
    if (kept === undefined) {
      const copy = args.slice();
      if (state.live !== null) this.#inner.add(state.live, copy);
      state.byKey.set(key, { args: copy, count });
      state.bytes += KEPT_BYTES + this.#codec.bytes(copy);
      state.sorted = null;
      return;
    }
    kept.count += count;
    if (kept.count !== 0) return;
    state.byKey.delete(key);
    if (this.#inner.remove === undefined) state.live = null;
    else if (state.live !== null) this.#inner.remove(state.live, kept.args);
    state.bytes -= KEPT_BYTES + this.#codec.bytes(kept.args);
    state.sorted = null;
  }

  value(state: KeptRows): Value {
    if (state.live !== null) return this.#inner.value(state.live);
    state.sorted ??= [...state.byKey.values()].sort((a, b) => this.#compare(a.args, b.args));
    const whole = this.#inner.create();
    for (const { args, count } of state.sorted) {
      const shown = this.#width === args.length ? args : args.slice(0, this.#width);
      for (let i = this.#isDistinct ? 1 : count; i > 0; i--) this.#inner.add(whole, shown);
    }
    return this.#inner.value(whole);
  }

  bytes(state: KeptRows): number {
    return state.bytes;
  }

  write(state: KeptRows, writer: ByteWriter): void {
    writer.unsigned(state.byKey.size);
    for (const { args, count } of state.byKey.values()) {
      this.#codec.write(args, writer);
      writer.integer(count);
    }
  }

  read(reader: ByteReader): KeptRows {
    const state = this.create();
    for (let left = reader.unsigned(); left > 0; left--) {
      const args = this.#codec.read(reader);
      this.#change(state, args, Number(reader.integer()));
    }
    return state;
  }
}
