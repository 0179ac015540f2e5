/** Spellings of dates and times beside ISO 8601: `Jan 5, 2024`, `1/5/2024`, `5-Jan-2024 1:02 PM`. Month before day, as in PostgreSQL. */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MONTH =
  'jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?';
const WEEKDAY =
  /^(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs?(?:day)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)\b,?\s*/i;
const CLOCK = /^(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d*)?))?\s*(am\b|pm\b)?/i;
/** Hour, minute and second without colons, behind a date. */
const COMPACT = /^(\d{2})(\d{2})(\d{2}(?:\.\d*)?)()(?![\d/-])/;
const SEPARATOR = '[ ,/-]+';

/** Dates by their parts: which group is the year, the month and the day. */
const DATES: readonly (readonly [RegExp, number, number, number])[] = [
  [new RegExp(`^(${MONTH})${SEPARATOR}(\\d{1,2})${SEPARATOR}(\\d{2}|\\d{4,6})(?![\\d:])`, 'i'), 3, 1, 2],
  [new RegExp(`^(\\d{1,2})${SEPARATOR}(${MONTH})${SEPARATOR}(\\d{2}|\\d{4,6})(?![\\d:])`, 'i'), 3, 2, 1],
  [new RegExp(`^(\\d{4,6})${SEPARATOR}(${MONTH})${SEPARATOR}(\\d{1,2})(?![\\d:])`, 'i'), 1, 2, 3],
  [/^(\d{1,2})[/-](\d{1,2})[/-](\d{4,6}|\d{2})(?!\d)/, 3, 1, 2],
  [/^(\d{4,6})[/-](\d{1,2})[/-](\d{1,2})(?!\d)/, 1, 2, 3],
];
/** `Jan 5 10:11:12 2024`. */
const YEAR_LAST = new RegExp(`^(${MONTH}) +(\\d{1,2}) +(\\d{1,2}:[\\d:.]+) +(\\d{4,6})(?!\\d)`, 'i');

/** A clock's reading in 24 hours, and how much of the text it took. */
function clockOf(text: string): { clock: string; length: number } | undefined {
  const match = CLOCK.exec(text) ?? COMPACT.exec(text);
  if (match === null) return undefined;
  const [whole, hour, minute, second = '0', half] = match;
  const shown = Number(hour);
  // An hour that no half of a day has is out of range, and stays so.
  const hours = half === undefined || half === '' ? shown : shown > 12 ? 99 : (shown % 12) + (/p/i.test(half) ? 12 : 0);
  const [seconds, fraction] = second.split('.');
  const clock = `${two(hours)}:${two(minute!)}:${two(seconds!)}${fraction === undefined ? '' : `.${fraction}`}`;
  return { clock, length: whole.length };
}

function two(part: string | number): string {
  return String(part).padStart(2, '0');
}

function isoDate(year: string, month: string, day: string): string {
  const named = MONTHS.indexOf(month.slice(0, 3).toLowerCase()) + 1;
  const written = year.length > 2 ? Number(year) : Number(year) + (Number(year) < 70 ? 2000 : 1900);
  return `${String(written).padStart(4, '0')}-${two(named > 0 ? named : month)}-${two(day)}`;
}

/** The same date and time in ISO 8601; undefined where the text is no such spelling. */
export function isoSpelling(text: string): string | undefined {
  let rest = text.trim().replace(WEEKDAY, '');
  const last = YEAR_LAST.exec(rest);
  if (last !== null) rest = `${last[1]} ${last[2]} ${last[4]} ${last[3]}${rest.slice(last[0].length)}`;
  for (const [pattern, year, month, day] of DATES) {
    const match = pattern.exec(rest);
    if (match === null) continue;
    const date = isoDate(match[year]!, match[month]!, match[day]!);
    const behind = rest.slice(match[0].length).replace(/^(?:[ ,]+|[Tt](?=\d))/, '');
    const time = clockOf(behind);
    return time === undefined ? `${date} ${behind}`.trim() : `${date} ${time.clock}${behind.slice(time.length)}`;
  }
  return undefined;
}
