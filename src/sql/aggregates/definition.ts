/**
 * What an aggregate is to the binder, to the dataflow and to the docs.
 *
 * One list (`aggregates/index.ts`) has them all, overload by overload; a family of them is a file.
 * State is held in objects, one a group: this is the general form. The fused kernels of `mill/kernels`
 * have columns of their own for the aggregates that they take.
 */
import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { SqlType } from '../plan.js';
import type { Value } from '../value.js';

/** One aggregate over one group's rows: how its state begins, grows and is read. */
export interface Aggregator<State> {
  create(): State;
  /** Adds a row's arguments. NULLs come too where the definition says `nulls`; otherwise such rows are left out. `args` is used again after the call. */
  add(state: State, args: readonly Value[]): void;
  /**
   * Takes a row's arguments back, exactly. Left out where that can't be done: where rows are taken back
   * the dataflow then keeps the rows and starts over.
   */
  readonly remove?: (state: State, args: readonly Value[]) => void;
  /** Adds all of `from` to `into`; `from` stays as it is. Left out where the order of rows matters. */
  readonly merge?: (into: State, from: State) => void;
  /** The SQL value. Throws SQL_RUNTIME where PostgreSQL raises an error (sum out of range). */
  value(state: State): Value;
  /** About how many bytes the state takes. */
  bytes(state: State): number;
  write(state: State, writer: ByteWriter): void;
  read(reader: ByteReader): State;
}

/** One overload of an aggregate. */
export interface AggregateDefinition {
  readonly name: string;
  /** Types of the arguments; `any` takes every type. */
  readonly params: readonly (SqlType | 'any')[];
  /** How many of the last arguments must be constants, as `0.5` of `approx_percentile(x, 0.5)`. Default 0. */
  readonly constants?: number;
  readonly result: SqlType | ((args: readonly SqlType[]) => SqlType);
  /** True when rows with a NULL argument reach `add`. Default false. */
  readonly nulls?: boolean;
  /** True when its value depends on the order of rows: ORDER BY in the call decides, then the values. Default false. */
  readonly ordered?: boolean;
  /**
   * True for `… WITHIN GROUP (ORDER BY x)`: x is the first argument, the direct arguments come behind it, and
   * `create` gets one constant more, the last: whether the order is DESC.
   */
  readonly withinGroup?: boolean;
  /** True when DISTINCT changes nothing. */
  readonly idempotent?: boolean;
  /** One sentence for the reference. */
  readonly help: string;
  /** `constants`: values of the constant arguments. Throws SQL_TYPE-like messages (plain Error text) for those that can't work. */
  create(args: readonly SqlType[], constants: readonly Value[]): Aggregator<unknown>;
}

/**
 * A function that sees a partition's rows in order and answers one value a row: `ewma`, `zscore`,
 * `rcf_score`, `rate_limit`. Only in `… OVER (PARTITION BY … ORDER BY time)`.
 */
export interface OrderedFunction<State> {
  create(): State;
  /** Takes the next row, answers its value. `timeMs`: the row's first ORDER BY value when that is a time, else NaN. */
  step(state: State, args: readonly Value[], timeMs: number): Value;
  /** An independent copy: a row that comes in between makes the dataflow start over from one. */
  copy(state: State): State;
  bytes(state: State): number;
  write(state: State, writer: ByteWriter): void;
  read(reader: ByteReader): State;
}

/** One overload of an ordered function. */
export interface OrderedDefinition {
  readonly name: string;
  readonly params: readonly (SqlType | 'any')[];
  /** How many arguments may be left out, from the last. Default 0. */
  readonly optional?: number;
  /** How many of the last arguments must be constants. */
  readonly constants?: number;
  readonly result: SqlType;
  readonly help: string;
  create(args: readonly SqlType[], constants: readonly Value[]): OrderedFunction<unknown>;
}
