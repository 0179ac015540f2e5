/**
 * The ledger's rows: counts to columns and back.
 *
 * A count's name is `outcome`, or `outcome reason` where an outcome has several.
 */
import type { BytesColumn, Column, ColumnBatch, DictionaryColumn } from '../../event/columns.js';
import { batchOf, isNull } from '../../event/columns.js';
import { Dictionary } from '../../event/dictionary.js';
import { constantInteger, integerAt, integersFrom, numberAt } from '../../event/integers.js';
import { ACCOUNTS_SCHEMA } from '../../event/internal.js';
import type { Log, LogBatch } from '../../log/log.js';
import type { Account } from '../accounts.js';
import type { Tally, TallyPlace } from './tallies.js';

/** A count that grew. */
export interface Growth {
  /** Where it is counted in memory; none for what was recounted or cut. */
  readonly account?: Account;
  readonly tally: Tally;
  readonly name: string;
  readonly events: number;
  readonly minuteMs: number;
}

/** A row that was read. */
export interface AccountRow extends TallyPlace {
  readonly name: string;
  readonly events: number;
}

const CHUNK_ROWS = 8_192;
const MINUTE_MS = 60_000;
const decoder = new TextDecoder();

/** The growths as batches of the accounts stream. */
export function accountBatches(growths: readonly Growth[]): ColumnBatch[] {
  const batches: ColumnBatch[] = [];
  for (let from = 0; from < growths.length; from += CHUNK_ROWS)
    batches.push(accountBatch(growths.slice(from, from + CHUNK_ROWS)));
  return batches;
}

function accountBatch(growths: readonly Growth[]): ColumnBatch {
  const reasons = growths.map(({ name }) => reasonOf(name));
  const nulls = new Uint8Array((growths.length + 7) >> 3);
  reasons.forEach((reason, row) => {
    if (reason === null) nulls[row >> 3]! |= 1 << (row & 7);
  });
  const columns: Record<string, Column> = {
    minute: integers(growths.map(({ minuteMs }) => minuteMs)),
    edge: texts(growths.map(({ tally }) => tally.edge)),
    stream: texts(growths.map(({ tally }) => tally.stream)),
    tenant: texts(growths.map(({ tally }) => tally.tenant)),
    outcome: texts(growths.map(({ name }) => outcomeOf(name))),
    reason: { ...texts(reasons), nulls },
    events: integers(growths.map(({ events }) => events)),
  };
  return batchOf(
    ACCOUNTS_SCHEMA,
    growths.length,
    // The log stamps `received_at`.
    ACCOUNTS_SCHEMA.columns.map(({ name }) => columns[name] ?? constantInteger(0n)),
  );
}

function integers(values: readonly number[]): Column {
  return integersFrom(
    values.map((value) => BigInt(value)),
    null,
  );
}

function texts(values: readonly (string | null)[]): DictionaryColumn {
  const dictionary = new Dictionary();
  const known = new Map<string, number>();
  const codes = Uint16Array.from(values, (text) => {
    if (text === null) return 0;
    let code = known.get(text);
    if (code === undefined) known.set(text, (code = dictionary.internString(text)));
    return code;
  });
  return { kind: 'dictionary', nulls: null, codes, dictionary };
}

function outcomeOf(name: string): string {
  const space = name.indexOf(' ');
  return space < 0 ? name : name.slice(0, space);
}

function reasonOf(name: string): string | null {
  const space = name.indexOf(' ');
  return space < 0 ? null : name.slice(space + 1);
}

/** Reads rows of a stream of accounts. */
export function readAccounts(log: Log, span: Span, take: (row: AccountRow) => void): void {
  eachBatch(log, span, ({ batch }, first, end) => {
    const text = (name: keyof typeof PLACES): ((row: number) => string) => textOf(batch.column(PLACES[name]));
    const [edge, source, tenant, outcome, reason] = [
      text('edge'),
      text('stream'),
      text('tenant'),
      text('outcome'),
      text('reason'),
    ];
    const events = batch.column(PLACES.events);
    for (let row = first; row < end; row++) {
      const why = reason(row);
      take({
        edge: edge(row),
        stream: source(row),
        tenant: tenant(row),
        name: why === '' ? outcome(row) : `${outcome(row)} ${why}`,
        events: events.kind === 'integer' ? numberAt(events, row) : 0,
      });
    }
  });
}

const PLACES = placesOf(['edge', 'stream', 'tenant', 'outcome', 'reason', 'events']);

function placesOf<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(
    names.map((name) => [name, ACCOUNTS_SCHEMA.columns.findIndex((column) => column.name === name)]),
  ) as Record<Name, number>;
}

/** The minute that a time is in. */
export function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / MINUTE_MS) * MINUTE_MS;
}

/** The texts of a column; a null is empty. */
export function textOf(column: Column): (row: number) => string {
  const { nulls } = column;
  if (column.kind === 'dictionary')
    return (row) => (isNull(nulls, row) ? '' : column.dictionary.stringOf(column.codes[row]!));
  if (column.kind === 'integer') return (row) => String(integerAt(column, row));
  const { offsets, data } = column as BytesColumn;
  return (row) => decoder.decode(data.subarray(offsets[row], offsets[row + 1]));
}

/** Where to read in the log. */
export interface Span {
  readonly stream: string;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** The batches of a span, each with the rows of it that are in the span. */
export function eachBatch(log: Log, span: Span, take: (batch: LogBatch, first: number, end: number) => void): void {
  const { stream, partition, to } = span;
  const cursor = log.cursor(stream, partition, span.from);
  try {
    while (cursor.position < to) {
      const from = cursor.position;
      const batch = cursor.next();
      if (batch === null && cursor.position === from) return;
      if (batch === null || batch.rows === 0) continue;
      take(batch, Math.max(0, from - batch.baseOffset), Math.min(batch.rows, to - batch.baseOffset));
    }
  } finally {
    cursor.close();
  }
}
