/** `ewma`: averages in which old rows count less, by rows or by time. */
import { fixedLengthMs } from '../../interval.js';
import { evaluationError } from '../../value.js';
import type { Interval, Value } from '../../value.js';
import { ordered } from '../define.js';
import type { OrderedDefinition, OrderedFunction } from '../definition.js';

/** A smoothing factor above 0, up to 1. Throws a plain Error. */
export function alphaOf(value: Value | undefined): number {
  const alpha = value as number;
  if (!(alpha > 0 && alpha <= 1)) throw new Error(`alpha is above 0 and up to 1, not ${alpha}`);
  return alpha;
}

/** Whether a row has a number that can be averaged: NULL, NaN and infinities take no part. */
export function isUsable(value: Value | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

interface Average {
  /** Null before the first number. */
  value: number | null;
}

/** `average += alpha * (x - average)`; the first number is the first average. */
function byRows(alpha: number): OrderedFunction<Average> {
  return {
    create: () => ({ value: null }),
    step: (state, [x]) => {
      if (isUsable(x)) state.value = state.value === null ? x : state.value + alpha * (x - state.value);
      return state.value;
    },
    copy: (state) => ({ ...state }),
    bytes: () => 32,
    write: ({ value }, writer) => writer.double(value ?? NaN),
    read: (reader) => {
      const value = reader.double();
      return { value: Number.isNaN(value) ? null : value };
    },
  };
}

interface Decaying {
  /** Sum of the numbers, and of their weights; each halves in a half-life. */
  total: number;
  weight: number;
  timeMs: number;
}

/** The average of all numbers so far, a number's weight being 2 to the power of minus its age in half-lives. */
function byTime(halfLifeMs: number): OrderedFunction<Decaying> {
  return {
    create: () => ({ total: 0, weight: 0, timeMs: NaN }),
    step: (state, [x], timeMs) => {
      if (Number.isNaN(timeMs)) throw evaluationError('ewma with a half-life needs ORDER BY a time that is not NULL');
      if (isUsable(x)) {
        const kept = state.weight === 0 ? 0 : 2 ** (-Math.abs(timeMs - state.timeMs) / halfLifeMs);
        state.total = state.total * kept + x;
        state.weight = state.weight * kept + 1;
        state.timeMs = timeMs;
      }
      return state.weight === 0 ? null : state.total / state.weight;
    },
    copy: (state) => ({ ...state }),
    bytes: () => 48,
    write: (state, writer) => {
      writer.double(state.total);
      writer.double(state.weight);
      writer.double(state.timeMs);
    },
    read: (reader) => ({ total: reader.double(), weight: reader.double(), timeMs: reader.double() }),
  };
}

/** A length of time above zero, without months. Throws a plain Error. */
export function lengthMsOf(value: Value | undefined, what: string): number {
  const ms = fixedLengthMs(value as Interval);
  if (ms === undefined || !(ms > 0)) throw new Error(`${what} is longer than zero and without months`);
  return ms;
}

/** `ewma`, both ways. */
export const ewmaFunctions: readonly OrderedDefinition[] = [
  ordered({
    name: 'ewma',
    params: ['double precision', 'double precision'],
    constants: 1,
    result: 'double precision',
    help: 'Exponentially weighted average of the rows so far: each row moves it by alpha of the distance. NULLs change nothing.',
    create: (_, [alpha]) => byRows(alphaOf(alpha)),
  }),
  ordered({
    name: 'ewma',
    params: ['double precision', 'interval'],
    constants: 1,
    result: 'double precision',
    help: 'Average of the rows so far in which a row counts half as much after each half-life. NULLs change nothing.',
    create: (_, [halfLife]) => byTime(lengthMsOf(halfLife, 'a half-life')),
  }),
];
