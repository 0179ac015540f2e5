/**
 * `zscore`: how many standard deviations a row's number is away from the mean of the rows before it. NULL while
 * there are fewer than two, and where they are all equal.
 */
import type { ByteReader, ByteWriter } from '../../../util/bytes.js';
import type { Value } from '../../value.js';
import { ordered } from '../define.js';
import type { OrderedDefinition, OrderedFunction } from '../definition.js';
import { alphaOf, isUsable } from './ewma.js';

/** Most rows of a window. */
const ROWS_MAX = 100_000;

/** Count, mean and sum of squared distances from it (B. P. Welford, 1962). */
interface Moments {
  count: number;
  mean: number;
  squares: number;
}

function take(state: Moments, x: number): void {
  state.count++;
  const distance = x - state.mean;
  state.mean += distance / state.count;
  state.squares += distance * (x - state.mean);
}

function score(x: number, mean: number, variance: number): number | null {
  return variance > 0 ? (x - mean) / Math.sqrt(variance) : null;
}

function writeMoments(state: Moments, writer: ByteWriter): void {
  writer.unsigned(state.count);
  writer.double(state.mean);
  writer.double(state.squares);
}

function readMoments(reader: ByteReader): Moments {
  return { count: reader.unsigned(), mean: reader.double(), squares: reader.double() };
}

/** Against all rows before. */
const overAll: OrderedFunction<Moments> = {
  create: () => ({ count: 0, mean: 0, squares: 0 }),
  step: (state, [x]) => {
    if (!isUsable(x)) return null;
    const result = state.count < 2 ? null : score(x, state.mean, state.squares / (state.count - 1));
    take(state, x);
    return result;
  },
  copy: (state) => ({ ...state }),
  bytes: () => 48,
  write: writeMoments,
  read: readMoments,
};

interface LastRows extends Moments {
  /** The last rows, the oldest at `at` once it is full. */
  readonly rows: Float64Array;
  at: number;
}

/** Takes a row in and the oldest out. Sums made anew each time round keep rounding errors from adding up. */
function slide(state: LastRows, x: number): void {
  const { rows } = state;
  if (state.count < rows.length) take(state, x);
  else {
    const old = rows[state.at]!;
    const mean = state.mean;
    state.mean += (x - old) / state.count;
    state.squares = Math.max(0, state.squares + (x - old) * (x - state.mean + old - mean));
  }
  rows[state.at] = x;
  state.at = (state.at + 1) % rows.length;
  if (state.at > 0) return;
  state.count = 0;
  state.mean = 0;
  state.squares = 0;
  for (const row of rows) take(state, row);
}

/** Against the last `size` rows before. */
function overLast(size: number): OrderedFunction<LastRows> {
  return {
    create: () => ({ count: 0, mean: 0, squares: 0, rows: new Float64Array(size), at: 0 }),
    step: (state, [x]) => {
      if (!isUsable(x)) return null;
      const result = state.count < 2 ? null : score(x, state.mean, state.squares / (state.count - 1));
      slide(state, x);
      return result;
    },
    copy: (state) => ({ ...state, rows: state.rows.slice() }),
    bytes: () => 128 + size * 8,
    write: (state, writer) => {
      writeMoments(state, writer);
      writer.unsigned(state.at);
      writer.array(state.rows, state.count);
    },
    read: (reader) => {
      const state = { ...readMoments(reader), at: reader.unsigned(), rows: new Float64Array(size) };
      reader.array(state.rows);
      return state;
    },
  };
}

/**
 * Against all rows before, old ones weighing less: mean and variance move by alpha each row (T. Finch,
 * "Incremental calculation of weighted mean and variance", 2009, section 9). `squares` is the variance.
 */
function overWeighted(alpha: number): OrderedFunction<Moments> {
  return {
    ...overAll,
    step: (state, [x]) => {
      if (!isUsable(x)) return null;
      const result = state.count < 2 ? null : score(x, state.mean, state.squares);
      const distance = x - state.mean;
      state.mean = state.count === 0 ? x : state.mean + alpha * distance;
      state.squares = state.count === 0 ? 0 : (1 - alpha) * (state.squares + alpha * distance * distance);
      state.count++;
      return result;
    },
  };
}

function rowsOf(value: Value | undefined): number {
  const rows = value as number;
  if (!(rows >= 2 && rows <= ROWS_MAX)) throw new Error(`zscore looks at 2 to ${ROWS_MAX} rows, not ${rows}`);
  return rows;
}

/** `zscore` against all rows, the last n, or weighted ones. */
export const zscoreFunctions: readonly OrderedDefinition[] = [
  ordered({
    name: 'zscore',
    params: ['double precision'],
    result: 'double precision',
    help: 'Standard deviations that a row is away from the mean of all rows before it.',
    create: () => overAll,
  }),
  ordered({
    name: 'zscore',
    params: ['double precision', 'integer'],
    constants: 1,
    result: 'double precision',
    help: 'Standard deviations that a row is away from the mean of the last n rows before it.',
    create: (_, [rows]) => overLast(rowsOf(rows)),
  }),
  ordered({
    name: 'zscore',
    params: ['double precision', 'double precision'],
    constants: 1,
    result: 'double precision',
    help: 'Standard deviations that a row is away from the mean of the rows before it, each of which weighs 1 - alpha of the next.',
    create: (_, [alpha]) => overWeighted(alphaOf(alpha)),
  }),
];
