/**
 * Literals of time, in the forms that PostgreSQL takes and people write: ISO 8601 with or without
 * T, seconds, fraction and zone. Answered in the one form that DuckDB takes.
 */

const FORM =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[ T]+(\d{1,2}):(\d{2})(?::(\d{2})(\.\d{1,6})?)?)?\s*(Z|z|UTC|[+-]\d{1,2}(?::?\d{2})?)?$/;

/** The normal form of a literal, or null when it is not one. */
export function timeLiteral(text: string, type: 'timestamptz' | 'timestamp' | 'date'): string | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = '', zone = ''] = match;
  const ms = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second));
  const there = new Date(ms);
  // Date.UTC lets the 31st of June run over into July; PostgreSQL does not.
  if (
    Number.isNaN(ms) ||
    there.getUTCMonth() !== Number(month) - 1 ||
    Number(hour) > 23 ||
    Number(minute) > 59 ||
    Number(second) > 59
  )
    return null;
  const moved = new Date(ms - (type === 'timestamptz' ? zoneMinutes(zone) * 60_000 : 0));
  const iso = moved.toISOString();
  if (type === 'date') return iso.slice(0, 10);
  const plain = `${iso.slice(0, 10)} ${iso.slice(11, 19)}${fraction}`;
  return type === 'timestamptz' ? `${plain}+00` : plain;
}

function zoneMinutes(zone: string): number {
  const match = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(zone);
  if (match === null) return 0;
  return (match[1] === '-' ? -1 : 1) * (Number(match[2]) * 60 + Number(match[3] ?? 0));
}
