/** Functions over a frame: aggregates, `first_value`, `last_value`, `nth_value`. */
import type { Frame } from '../../../../sql/relation/relation.js';
import { evaluationError } from '../../../../sql/value.js';
import type { Value } from '../../../../sql/value.js';
import type { Row } from '../../operator.js';
import type { StateCodec } from '../../state-table.js';
import { Sliding, type FrameAggregate } from './sliding.js';

/** Whether row j is left out of the frame of row i, by EXCLUDE. */
export type IsExcluded = (rows: readonly Row[], i: number, j: number) => boolean;

/** EXCLUDE as a question; null where nothing is left out. */
export function exclusion(exclude: Frame['exclude'], isPeer: (a: Row, b: Row) => boolean): IsExcluded | null {
  const arePeers: IsExcluded = (rows, i, j) => isPeer(rows[i]!, rows[j]!);
  switch (exclude) {
    case 'none':
      return null;
    case 'currentRow':
      return (_, i, j) => i === j;
    case 'group':
      return arePeers;
    case 'ties':
      return (rows, i, j) => i !== j && arePeers(rows, i, j);
  }
}

/** One function of a frame. `base`: what it keeps of rows before an open start that are gone. */
export interface FrameMember<Live = unknown, Base = unknown> {
  createLive(): Live;
  /** Begins anew at a frame's start. */
  reset(live: Live, start: number, base: Base | undefined): void;
  shift(live: Live, count: number): void;
  value(rows: readonly Row[], i: number, start: number, end: number, live: Live, base: Base | undefined): Value;
  /** Takes the first `count` rows into the base; left out where that can't be done. */
  readonly fold?: (rows: readonly Row[], count: number, base: Base | undefined) => Base;
  readonly codec?: StateCodec<Base>;
}

/** An aggregate over the frame. */
export class AggregateMember implements FrameMember<Sliding, unknown> {
  readonly #aggregate: FrameAggregate;
  readonly #isExcluded: IsExcluded | null;
  readonly fold?: (rows: readonly Row[], count: number, base: unknown) => unknown;
  readonly codec?: StateCodec<unknown>;

  /** `canSave`: whether the aggregate's states can be saved. */
  constructor(aggregate: FrameAggregate, isExcluded: IsExcluded | null, canSave: boolean) {
    this.#aggregate = aggregate;
    this.#isExcluded = isExcluded;
    // What is left out may have gone: a sum of it all would have it.
    if (isExcluded !== null || !canSave) return;
    const { aggregator } = aggregate;
    this.fold = (rows, count, base) => {
      const state = base ?? aggregator.create();
      for (let i = 0; i < count; i++) this.#add(state, rows[i]!);
      return state;
    };
    this.codec = aggregator;
  }

  #add(state: unknown, row: Row): void {
    const args = this.#aggregate.argsOf(row);
    if (args !== null) this.#aggregate.aggregator.add(state, args);
  }

  createLive(): Sliding {
    return new Sliding(this.#aggregate);
  }

  reset(live: Sliding, start: number, base: unknown): void {
    live.reset(start, base);
  }

  shift(live: Sliding, count: number): void {
    live.shift(count);
  }

  value(rows: readonly Row[], i: number, start: number, end: number, live: Sliding): Value {
    if (this.#isExcluded === null) {
      live.move(rows, start, end);
      return live.value();
    }
    const state = this.#aggregate.aggregator.create();
    for (let j = start; j < end; j++) if (!this.#isExcluded(rows, i, j)) this.#add(state, rows[j]!);
    return this.#aggregate.aggregator.value(state);
  }
}

/** What a value function keeps of rows that are gone: the first values, as many as it may ask for, and the last. */
interface Edges {
  readonly firsts: Value[];
  readonly last: Value;
}

/** Which value of the frame. */
export interface ValueSpec {
  readonly value: (row: Row) => Value;
  readonly ignoreNulls: boolean;
  /** Which one from the start, for the row at hand; null: the last. */
  readonly nth: ((row: Row) => Value) | null;
  /** The largest `nth`, where that is known. */
  readonly nthMax: number | null;
}

/** `first_value`, `last_value` or `nth_value`. */
export class ValueMember implements FrameMember<null, Edges> {
  readonly #spec: ValueSpec;
  readonly #isExcluded: IsExcluded | null;
  readonly fold?: (rows: readonly Row[], count: number, base: Edges | undefined) => Edges;
  readonly codec?: StateCodec<Edges>;

  constructor(spec: ValueSpec, isExcluded: IsExcluded | null, codec: StateCodec<Value>) {
    this.#spec = spec;
    this.#isExcluded = isExcluded;
    const { nthMax } = spec;
    if (isExcluded !== null || nthMax === null) return;
    this.fold = (rows, count, base) => this.#edges(rows, count, base, nthMax);
    this.codec = edgesCodec(codec);
  }

  #edges(rows: readonly Row[], count: number, base: Edges | undefined, firstsMax: number): Edges {
    const firsts = [...(base?.firsts ?? [])];
    let last = base?.last ?? null;
    for (let i = 0; i < count; i++) {
      const value = this.#spec.value(rows[i]!);
      if (value === null && this.#spec.ignoreNulls) continue;
      if (firsts.length < firstsMax) firsts.push(value);
      last = value;
    }
    return { firsts, last };
  }

  createLive(): null {
    return null;
  }

  reset(): void {}

  shift(): void {}

  value(rows: readonly Row[], i: number, start: number, end: number, _live: null, base: Edges | undefined): Value {
    const { nth } = this.#spec;
    if (nth === null) {
      const last = this.#last(rows, i, start, end);
      return last === undefined ? (base?.last ?? null) : last;
    }
    const wanted = nth(rows[i]!) as number | null;
    if (wanted === null) return null;
    if (wanted <= 0) throw evaluationError('argument of nth_value must be greater than zero');
    const firsts = base?.firsts ?? [];
    if (wanted <= firsts.length) return firsts[wanted - 1]!;
    return this.#nth(rows, i, start, end, wanted - firsts.length);
  }

  /** Undefined where no row counts. */
  #last(rows: readonly Row[], i: number, start: number, end: number): Value | undefined {
    for (let j = end - 1; j >= start; j--) {
      if (this.#isExcluded?.(rows, i, j) === true) continue;
      const value = this.#spec.value(rows[j]!);
      if (value !== null || !this.#spec.ignoreNulls) return value;
    }
    return undefined;
  }

  #nth(rows: readonly Row[], i: number, start: number, end: number, wanted: number): Value {
    if (this.#isExcluded === null && !this.#spec.ignoreNulls)
      return start + wanted <= end ? this.#spec.value(rows[start + wanted - 1]!) : null;
    let left = wanted;
    for (let j = start; j < end; j++) {
      if (this.#isExcluded?.(rows, i, j) === true) continue;
      const value = this.#spec.value(rows[j]!);
      if ((value !== null || !this.#spec.ignoreNulls) && --left === 0) return value;
    }
    return null;
  }
}

function edgesCodec(value: StateCodec<Value>): StateCodec<Edges> {
  return {
    write: ({ firsts, last }, writer) => {
      writer.unsigned(firsts.length);
      for (const first of firsts) value.write(first, writer);
      value.write(last, writer);
    },
    read: (reader) => ({
      firsts: Array.from({ length: reader.unsigned() }, () => value.read(reader)),
      last: value.read(reader),
    }),
    bytes: ({ firsts, last }) => firsts.reduce((sum: number, one) => sum + value.bytes(one), 48 + value.bytes(last)),
  };
}
