/**
 * `to_char` for times: PostgreSQL's patterns as pieces of DuckDB text.
 */

/** A piece of a format: text as it is, or something printed from the (zone-less) time. */
export type ToCharPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'field'; readonly print: (x: string) => string };

const padded = (field: string, width: number) => (x: string) =>
  `lpad(CAST(date_part('${field}', ${x}) AS VARCHAR), ${width}, '0')`;
const strftime = (format: string) => (x: string) => `strftime(${x}, '${format}')`;
const plain = (field: string) => (x: string) => `CAST(date_part('${field}', ${x}) AS VARCHAR)`;

/** Pattern → with padding, and with FM before it. Longest first. */
const PATTERNS: readonly (readonly [pattern: string, print: (x: string) => string, fm: (x: string) => string])[] = [
  ['IYYY', padded('isoyear', 4), plain('isoyear')],
  ['YYYY', padded('year', 4), plain('year')],
  ['HH24', padded('hour', 2), plain('hour')],
  ['HH12', strftime('%I'), strftime('%-I')],
  ['MONTH', (x) => `rpad(upper(monthname(${x})), 9, ' ')`, (x) => `upper(monthname(${x}))`],
  ['Month', (x) => `rpad(monthname(${x}), 9, ' ')`, (x) => `monthname(${x})`],
  ['month', (x) => `rpad(lower(monthname(${x})), 9, ' ')`, (x) => `lower(monthname(${x}))`],
  ['DDD', padded('doy', 3), plain('doy')],
  ['DAY', (x) => `rpad(upper(dayname(${x})), 9, ' ')`, (x) => `upper(dayname(${x}))`],
  ['Day', (x) => `rpad(dayname(${x}), 9, ' ')`, (x) => `dayname(${x})`],
  ['day', (x) => `rpad(lower(dayname(${x})), 9, ' ')`, (x) => `lower(dayname(${x}))`],
  ['MON', (x) => `upper(strftime(${x}, '%b'))`, (x) => `upper(strftime(${x}, '%b'))`],
  ['Mon', strftime('%b'), strftime('%b')],
  ['mon', (x) => `lower(strftime(${x}, '%b'))`, (x) => `lower(strftime(${x}, '%b'))`],
  ['YY', strftime('%y'), strftime('%-y')],
  ['MM', padded('month', 2), plain('month')],
  ['DD', padded('day', 2), plain('day')],
  ['HH', strftime('%I'), strftime('%-I')],
  ['MI', padded('minute', 2), plain('minute')],
  ['SS', padded('second', 2), plain('second')],
  ['MS', strftime('%g'), strftime('%g')],
  ['US', strftime('%f'), strftime('%f')],
  ['AM', strftime('%p'), strftime('%p')],
  ['PM', strftime('%p'), strftime('%p')],
  ['am', (x) => `lower(strftime(${x}, '%p'))`, (x) => `lower(strftime(${x}, '%p'))`],
  ['pm', (x) => `lower(strftime(${x}, '%p'))`, (x) => `lower(strftime(${x}, '%p'))`],
  ['DY', (x) => `upper(strftime(${x}, '%a'))`, (x) => `upper(strftime(${x}, '%a'))`],
  ['Dy', strftime('%a'), strftime('%a')],
  ['dy', (x) => `lower(strftime(${x}, '%a'))`, (x) => `lower(strftime(${x}, '%a'))`],
  ['IW', padded('week', 2), plain('week')],
  ['ID', plain('isodow'), plain('isodow')],
  ['Q', plain('quarter'), plain('quarter')],
  ['D', (x) => `CAST(date_part('dow', ${x}) + 1 AS VARCHAR)`, (x) => `CAST(date_part('dow', ${x}) + 1 AS VARCHAR)`],
];

/** The pieces of a format, or null when a part of it is not known. */
export function toCharParts(format: string): ToCharPart[] | null {
  const parts: ToCharPart[] = [];
  for (let at = 0; at < format.length;) {
    const quoted = /^"([^"]*)"/.exec(format.slice(at));
    if (quoted !== null) {
      parts.push({ kind: 'text', text: quoted[1]! });
      at += quoted[0].length;
      continue;
    }
    const fill = format.startsWith('FM', at);
    const from = at + (fill ? 2 : 0);
    const found = PATTERNS.find(
      ([pattern]) =>
        format.startsWith(pattern, from) ||
        (pattern === pattern.toUpperCase() &&
          !/MON|DAY|DY|AM|PM/.test(pattern) &&
          format.slice(from, from + pattern.length).toUpperCase() === pattern),
    );
    if (found !== undefined) {
      parts.push({ kind: 'field', print: fill ? found[2] : found[1] });
      at = from + found[0].length;
      continue;
    }
    if (fill || /[A-Za-z]/.test(format[at]!)) {
      // ISO formats write T between date and time; PostgreSQL takes it as text.
      if (fill || format[at] !== 'T') return null;
    }
    parts.push({ kind: 'text', text: format[at]! });
    at += 1;
  }
  return parts.length === 0 ? [{ kind: 'text', text: '' }] : parts;
}
