/**
 * CSV with a header: a row is an event, a column a field, an empty cell a missing field.
 *
 * CSV has no types, so cells are sent as strings, which also fit int64, decimal and timestamp
 * columns. `raw` names columns whose cells are JSON already (doubles, booleans, lists); `utc` names
 * columns whose times have no zone and mean UTC.
 */
import { parse } from 'csv-parse';
import { Readable } from 'node:stream';
import { MillraceError } from '../../util/errors.js';

/** How cells become fields. */
export interface CsvOptions {
  readonly raw?: readonly string[];
  readonly utc?: readonly string[];
  /** Field names by header. */
  readonly rename?: Readonly<Record<string, string>>;
}

const GROUP = 500;

/** Yields one event a row. Throws BODY_MALFORMED with the line when the file is no CSV. */
export async function* csvEvents(
  bytes: AsyncIterable<Buffer>,
  options: CsvOptions,
  place: string,
): AsyncGenerator<Record<string, unknown>[]> {
  const records = Readable.from(bytes).pipe(
    parse({ columns: true, bom: true, skip_empty_lines: true, relax_column_count_less: true }),
  );
  let group: Record<string, unknown>[] = [];
  try {
    for await (const record of records as AsyncIterable<Record<string, string>>) {
      group.push(event(record, options));
      if (group.length === GROUP) {
        yield group;
        group = [];
      }
    }
  } catch (cause) {
    if (!(cause instanceof Error) || !('code' in cause) || !String(cause.code).startsWith('CSV_')) throw cause;
    throw new MillraceError('BODY_MALFORMED', `${place} is not CSV: ${cause.message}`, { place, cause });
  }
  if (group.length > 0) yield group;
}

function event(
  record: Readonly<Record<string, string>>,
  { raw = [], utc = [], rename = {} }: CsvOptions,
): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [header, cell] of Object.entries(record)) {
    if (cell === '') continue;
    const name = rename[header] ?? header;
    if (raw.includes(header)) fields[name] = new RawJson(cell);
    else fields[name] = utc.includes(header) ? `${cell.trim().replace(' ', 'T')}Z` : cell;
  }
  return fields;
}

/** Text that is JSON already. */
export class RawJson {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An event as JSON text; a `RawJson` goes in as it is written, digit by digit. */
export function eventText(fields: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(fields).map(
    ([name, value]) => `${JSON.stringify(name)}:${value instanceof RawJson ? value.text : JSON.stringify(value)}`,
  );
  return `{${members.join(',')}}`;
}
