/** `INTERVAL '5' MINUTE`, `INTERVAL '1 2' DAY TO HOUR`: what the fields behind an interval's text mean. */
import { parseInterval } from './interval.js';
import type { Interval } from './value.js';

/** The bits by which the grammar names fields. */
const YEAR = 4;
const MONTH = 2;
const DAY = 8;
const HOUR = 1024;
const MINUTE = 2048;
const SECOND = 4096;
/** All fields: nothing was said. */
export const ALL_FIELDS = 32_767;

interface Fields {
  /** What a number without a unit counts. */
  readonly unit: string;
  /** What is smaller than that is cut off: of the time, so many ms are kept whole; 0: all of them are. */
  readonly cut: 'year' | 'month' | 'day' | number;
}

const FIELDS: ReadonlyMap<number, Fields> = new Map<number, Fields>([
  [YEAR, { unit: 'year', cut: 'year' }],
  [MONTH, { unit: 'month', cut: 'month' }],
  [YEAR | MONTH, { unit: 'month', cut: 'month' }],
  [DAY, { unit: 'day', cut: 'day' }],
  [HOUR, { unit: 'hour', cut: 3_600_000 }],
  [DAY | HOUR, { unit: 'hour', cut: 3_600_000 }],
  [MINUTE, { unit: 'minute', cut: 60_000 }],
  [HOUR | MINUTE, { unit: 'minute', cut: 60_000 }],
  [DAY | HOUR | MINUTE, { unit: 'minute', cut: 60_000 }],
  [SECOND, { unit: 'second', cut: 0 }],
  [MINUTE | SECOND, { unit: 'second', cut: 0 }],
  [HOUR | MINUTE | SECOND, { unit: 'second', cut: 0 }],
  [DAY | HOUR | MINUTE | SECOND, { unit: 'second', cut: 0 }],
]);

/** Whether fields cut nothing off, so that they say no more than the text does. */
export function cutsNothing(fields: number): boolean {
  return fields === ALL_FIELDS || FIELDS.get(fields)?.cut === 0;
}

/** An interval of a text and its fields. */
export function intervalOfFields(text: string, fields: number): Interval {
  const { cut, unit } = FIELDS.get(fields) ?? { unit: 'second', cut: 0 };
  return cutTo(parseInterval(spelledOut(text, fields), unit), cut);
}

/** `1 2` of DAY TO HOUR, and `1:2` of MINUTE TO SECOND, which would be hours and minutes elsewhere. */
function spelledOut(text: string, fields: number): string {
  const clock = /^(.*?)([+-]?)(\d+):(\d+(?:\.\d*)?)\s*$/.exec(text);
  if (fields === (MINUTE | SECOND) && clock !== null && !clock[1]!.includes(':'))
    return `${clock[1]}${clock[2]}0:${clock[3]}:${clock[4]}`;
  const days = /^\s*([+-]?\d+)\s+([+-]?\d+)\s*$/.exec(text);
  return (fields & HOUR) !== 0 && (fields & (MINUTE | SECOND)) === 0 && days !== null
    ? `${days[1]} days ${days[2]} hours`
    : text;
}

function cutTo({ days, months, ms }: Interval, cut: Fields['cut']): Interval {
  if (cut === 'year') return { months: Math.trunc(months / 12) * 12 + 0, days: 0, ms: 0 };
  if (cut === 'month') return { months, days: 0, ms: 0 };
  if (cut === 'day') return { months, days, ms: 0 };
  return { months, days, ms: cut === 0 ? ms : Math.trunc(ms / cut) * cut + 0 };
}
