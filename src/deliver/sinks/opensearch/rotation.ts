/**
 * Names of indexes by time, as Firehose has them: the rotation's suffix behind the index's name.
 *
 * | rotation | 2016-02-25T13:00:00Z |
 * |---|---|
 * | `NoRotation` | `myindex` |
 * | `OneHour` | `myindex-2016-02-25-13` |
 * | `OneDay` | `myindex-2016-02-25` |
 * | `OneWeek` | `myindex-2016-w08` |
 * | `OneMonth` | `myindex-2016-02` |
 *
 * All in UTC. Weeks are those of ISO 8601: they start on Monday, and belong to the year that has their
 * Thursday. Amazon's page shows this name (`w08`) and says below it that weeks start on Sunday, which
 * would make it `w09`; both can't be, and the example is what its users have seen.
 */
import type { SinkOptionsOf } from '../../../config/sinks/index.js';

/** How often a new index begins. */
export type Rotation = SinkOptionsOf<'opensearch'>['rotation'];

/** A stretch of time that has one index: from `from` up to but not including `to`, ms since 1970. */
export interface IndexPeriod {
  readonly from: number;
  readonly to: number;
  /** What the name ends with; empty without rotation. */
  readonly suffix: string;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** 1970-01-01 was a Thursday: the third day behind Monday. */
const FIRST_WEEKDAY = 3;

/** The period that holds a time. */
export function periodOf(rotation: Rotation, ms: number): IndexPeriod {
  switch (rotation) {
    case 'NoRotation':
      return { from: -Infinity, to: Infinity, suffix: '' };
    case 'OneHour': {
      const from = Math.floor(ms / HOUR_MS) * HOUR_MS;
      return { from, to: from + HOUR_MS, suffix: `-${isoTime(from).slice(0, -11).replace('T', '-')}` };
    }
    case 'OneDay': {
      const from = Math.floor(ms / DAY_MS) * DAY_MS;
      return { from, to: from + DAY_MS, suffix: `-${isoTime(from).slice(0, -14)}` };
    }
    case 'OneWeek':
      return weekOf(ms);
    case 'OneMonth': {
      const date = new Date(ms);
      const from = Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
      return {
        from,
        to: Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1),
        suffix: `-${isoTime(from).slice(0, -17)}`,
      };
    }
  }
}

/** Longest that a period lasts, ms. */
export function periodMsMax(rotation: Exclude<Rotation, 'NoRotation'>): number {
  return { OneHour: HOUR_MS, OneDay: DAY_MS, OneWeek: 7 * DAY_MS, OneMonth: 31 * DAY_MS }[rotation];
}

function weekOf(ms: number): IndexPeriod {
  const day = Math.floor(ms / DAY_MS);
  const monday = day - ((((day + FIRST_WEEKDAY) % 7) + 7) % 7);
  const year = new Date((monday + 3) * DAY_MS).getUTCFullYear();
  const firstDay = Date.UTC(year, 0) / DAY_MS;
  const week = Math.floor((monday + 3 - firstDay) / 7) + 1;
  return {
    from: monday * DAY_MS,
    to: (monday + 7) * DAY_MS,
    suffix: `-${String(year).padStart(4, '0')}-w${String(week).padStart(2, '0')}`,
  };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Names of the indexes of one sink. */
export class IndexNames {
  readonly #index: string;
  readonly #rotation: Rotation;
  #period: IndexPeriod = { from: 0, to: 0, suffix: '' };
  #name = '';

  constructor(index: string, rotation: Rotation) {
    this.#index = index;
    this.#rotation = rotation;
  }

  /** The index of what the log took at `ms`. */
  at(ms: number): string {
    if (ms >= this.#period.from && ms < this.#period.to) return this.#name;
    this.#period = periodOf(this.#rotation, ms);
    this.#name = this.#index + this.#period.suffix;
    return this.#name;
  }

  /** Patterns that all names match, and hardly any name of another sink's indexes. */
  patterns(): string[] {
    return this.#rotation === 'NoRotation' ? [this.#index] : [`${this.#index}-1*`, `${this.#index}-2*`];
  }
}
