/**
 * Time zones by `Intl`, exact to the second.
 *
 * A zone's distance from UTC is constant between transitions, so time is cut into spans of six
 * hours: where both ends agree the span has one offset, else the transition inside is searched
 * once. Spans are cached a zone, at most `SPANS_MAX`, then the cache starts anew.
 *
 * Zones are IANA names with a slash (`Europe/Berlin`), `UTC` and `GMT`. Abbreviations are refused:
 * PostgreSQL takes `CET` for a fixed offset, others for a zone with summer time.
 */
import { evaluationError } from './value.js';

const SPAN_MS = 6 * 3_600_000;
const SPANS_MAX = 8_192;
const ZONES_MAX = 700;
/** The last instant that JavaScript's dates reach, either way from 1970. */
const DATE_MS_MAX = 8_640_000_000_000_000 - 86_400_000;

interface Span {
  readonly before: number;
  /** When `after` begins; Infinity where the span has one offset. */
  readonly at: number;
  readonly after: number;
}

/** A time zone's offsets. */
export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #spans = new Map<number, Span>();

  constructor(name: string) {
    this.name = name;
    this.#format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
  }

  /** Distance from UTC at an instant, ms; east is positive. */
  offsetMs(utc: number): number {
    const index = Math.floor(utc / SPAN_MS);
    const span = this.#spans.get(index) ?? this.#load(index);
    return utc >= span.at ? span.after : span.before;
  }

  /** The instant that a wall clock's reading means: in a gap the earlier offset holds, in an overlap the later. */
  instantOf(local: number): number {
    const before = this.offsetMs(local - 86_400_000);
    const after = this.offsetMs(local + 86_400_000);
    if (before === after) return local - before;
    const at = this.#transition(local - 86_400_000, local + 86_400_000, before);
    const early = local - before;
    const late = local - after;
    if (early < at && late < at) return early;
    if (early >= at && late >= at) return late;
    return early > late ? early : late;
  }

  #load(index: number): Span {
    const start = index * SPAN_MS;
    const before = this.#read(start);
    const after = this.#read(start + SPAN_MS);
    const at = before === after ? Infinity : this.#transition(start, start + SPAN_MS, before);
    const span = { before, at, after };
    if (this.#spans.size >= SPANS_MAX) this.#spans.clear();
    this.#spans.set(index, span);
    return span;
  }

  /** The first second at which the offset is no longer `before`. */
  #transition(from: number, to: number, before: number): number {
    let low = Math.floor(from / 1000);
    let high = Math.ceil(to / 1000);
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (this.#read(middle * 1000) === before) low = middle;
      else high = middle;
    }
    return high * 1000;
  }

  #read(utc: number): number {
    // Where dates end, a zone keeps the offset that it had last.
    const whole = Math.max(-DATE_MS_MAX, Math.min(DATE_MS_MAX, Math.floor(utc / 1000) * 1000));
    const part: Record<string, string> = {};
    for (const { type, value } of this.#format.formatToParts(whole)) part[type] = value;
    const year = part['era'] === 'BC' || part['era'] === 'B' ? 1 - Number(part['year']) : Number(part['year']);
    const local = new Date(0);
    local.setUTCFullYear(year, Number(part['month']) - 1, Number(part['day']));
    local.setUTCHours(Number(part['hour']), Number(part['minute']), Number(part['second']));
    return local.getTime() - whole;
  }
}

const zones = new Map<string, Zone>();

/** Whether a text is a zone's name that means the same here and in PostgreSQL. */
function isZoneName(name: string): boolean {
  return /^(utc|gmt)$/i.test(name) || /^[A-Za-z_]+(\/[A-Za-z0-9_+-]+)+$/.test(name);
}

/** The zone of a name. @throws SQL_RUNTIME where there is none. */
export function zoneOf(name: string): Zone {
  const key = name.toLowerCase();
  const known = zones.get(key);
  if (known !== undefined) return known;
  if (!isZoneName(name)) {
    throw evaluationError(`time zone "${name}" not recognized (expected an IANA name such as Europe/Berlin, or UTC)`);
  }
  let zone: Zone;
  try {
    zone = new Zone(name);
  } catch (cause) {
    if (cause instanceof RangeError) throw evaluationError(`time zone "${name}" not recognized`);
    throw cause;
  }
  if (zones.size >= ZONES_MAX) zones.clear();
  zones.set(key, zone);
  return zone;
}
