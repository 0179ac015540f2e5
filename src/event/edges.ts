/**
 * What a reader made of its rows, added up until its next commit: rows of the edges stream.
 *
 * No count is made from another: `read` comes from the input's batches, `ok` from whoever took the
 * rows. So a row that gets lost in between leaves a difference at its tenant and minute.
 *
 * Limits: one entry a tenant, minute, outcome and reason between two commits; tenants are known
 * ones, and a commit is a bounded number of rows.
 */
import { batchOf, isNull, type Column, type ColumnBatch, type DictionaryColumn } from './columns.js';
import { BYTES_MAX, Dictionary, ENTRIES_MAX } from './dictionary.js';
import { constantInteger, integersFrom } from './integers.js';
import { EDGES_SCHEMA } from './internal.js';
import { valueOf } from './rows.js';

/** What became of rows; see `EDGES_SCHEMA`. */
export type EdgeOutcome = 'read' | 'ok' | 'filtered' | 'quarantined' | 'dropped' | 'written';

/** Rows a batch of the edges stream. */
const CHUNK_ROWS = 8_192;
const MINUTE_MS = 60_000;
const NO_TENANT = '*';

/** What all counts of one stream, minute, outcome and reason share. */
interface Series {
  readonly stream: string;
  readonly minuteMs: number;
  readonly outcome: EdgeOutcome;
  readonly reason: string | null;
  readonly tenants: Map<string, number>;
}

/** Counts of one reader between two commits. */
export class EdgeCounts {
  readonly #series = new Map<string, Series>();

  /** Adds to one count. `receivedAt` is the stamp of the rows, ms. */
  add(
    stream: string,
    tenant: string,
    receivedAt: number,
    outcome: EdgeOutcome,
    events: number,
    reason: string | null = null,
  ): void {
    if (events > 0) increase(this.#seriesOf(stream, receivedAt, outcome, reason), tenant, events);
  }

  /** Adds the rows of a batch, or those of them for which `counts` answers true, each to its tenant. */
  addRows(
    stream: string,
    batch: ColumnBatch,
    receivedAt: number,
    outcome: EdgeOutcome,
    counts: ((row: number) => boolean) | null = null,
    reason: string | null = null,
  ): void {
    let series: Series | null = null;
    eachTenant(batch, counts, (tenant, events) => {
      series ??= this.#seriesOf(stream, receivedAt, outcome, reason);
      increase(series, tenant, events);
    });
  }

  /** Takes over all counts of `other`. */
  merge(other: EdgeCounts): void {
    for (const { stream, minuteMs, outcome, reason, tenants } of other.#series.values()) {
      const series = this.#seriesOf(stream, minuteMs, outcome, reason);
      for (const [tenant, events] of tenants) increase(series, tenant, events);
    }
  }

  /** The sum of an outcome over tenants, minutes and reasons. */
  total(outcome: EdgeOutcome): number {
    let sum = 0;
    for (const series of this.#series.values())
      if (series.outcome === outcome) for (const events of series.tenants.values()) sum += events;
    return sum;
  }

  /** The counts as batches of the edges stream; `edge` is the reader's id. */
  batches(edge: string): ColumnBatch[] {
    const batches: ColumnBatch[] = [];
    let builder = new EdgeBuilder(edge);
    for (const series of this.#series.values())
      for (const [tenant, events] of series.tenants) {
        builder.add(series, tenant, events);
        if (builder.rows < CHUNK_ROWS) continue;
        batches.push(builder.build());
        builder = new EdgeBuilder(edge);
      }
    if (builder.rows > 0) batches.push(builder.build());
    return batches;
  }

  #seriesOf(stream: string, receivedAt: number, outcome: EdgeOutcome, reason: string | null): Series {
    const minuteMs = Math.floor(receivedAt / MINUTE_MS) * MINUTE_MS;
    const key = `${stream}\0${minuteMs}\0${outcome}\0${reason ?? ''}`;
    let series = this.#series.get(key);
    if (series === undefined)
      this.#series.set(key, (series = { stream, minuteMs, outcome, reason, tenants: new Map<string, number>() }));
    return series;
  }
}

function increase({ tenants }: Series, tenant: string, events: number): void {
  tenants.set(tenant, (tenants.get(tenant) ?? 0) + events);
}

/** Calls `visit` with each tenant and its rows; `*` where a stream has none. */
function eachTenant(
  batch: ColumnBatch,
  counts: ((row: number) => boolean) | null,
  visit: (tenant: string, rows: number) => void,
): void {
  const { tenant } = batch.schema.roles;
  const column = tenant < 0 ? null : batch.column(tenant);
  if (column?.kind === 'dictionary' && column.nulls === null) return eachCode(column, batch.rows, counts, visit);
  const found = new Map<string, number>();
  const { type } = batch.schema.columns[Math.max(0, tenant)]!;
  for (let row = 0; row < batch.rows; row++) {
    if (counts !== null && !counts(row)) continue;
    const name = column === null || isNull(column.nulls, row) ? NO_TENANT : String(valueOf(column, type, row));
    found.set(name, (found.get(name) ?? 0) + 1);
  }
  for (const [name, rows] of found) visit(name, rows);
}

/** Rows by code, all zero between two uses: a segment's dictionary may be large, and a batch small. */
let byCode = new Uint32Array(256);

function eachCode(
  { codes, dictionary }: DictionaryColumn,
  rows: number,
  counts: ((row: number) => boolean) | null,
  visit: (tenant: string, rows: number) => void,
): void {
  if (byCode.length < dictionary.size) byCode = new Uint32Array(Math.max(dictionary.size, byCode.length * 2));
  const used: number[] = [];
  for (let row = 0; row < rows; row++) {
    if (counts !== null && !counts(row)) continue;
    const code = codes[row]!;
    if (byCode[code]! === 0) used.push(code);
    byCode[code]! += 1;
  }
  for (const code of used) {
    visit(dictionary.stringOf(code), byCode[code]!);
    byCode[code] = 0;
  }
}

/** Builds one batch of the edges stream. */
class EdgeBuilder {
  rows = 0;
  readonly #edge: string;
  readonly #minutes = new Float64Array(CHUNK_ROWS);
  readonly #events = new Uint32Array(CHUNK_ROWS);
  readonly #nulls = new Uint8Array(CHUNK_ROWS >> 3);
  readonly #codes = { stream: codes(), tenant: codes(), outcome: codes(), reason: codes() };
  #series: Series | null = null;
  /** Codes of the series at hand. */
  #now = { stream: 0, outcome: 0, reason: 0 };

  constructor(edge: string) {
    this.#edge = edge;
    names.makeRoom();
  }

  add(series: Series, tenant: string, events: number): void {
    const row = this.rows++;
    if (series !== this.#series) this.#turnTo(series);
    const { stream, outcome, reason } = this.#now;
    const { stream: streams, tenant: tenants, outcome: outcomes, reason: reasons } = this.#codes;
    this.#minutes[row] = series.minuteMs;
    this.#events[row] = events;
    if (series.reason === null) this.#nulls[row >> 3]! |= 1 << (row & 7);
    streams[row] = stream;
    tenants[row] = names.codeOf(tenant);
    outcomes[row] = outcome;
    reasons[row] = reason;
  }

  #turnTo(series: Series): void {
    const { stream, outcome, reason } = series;
    this.#series = series;
    this.#now = {
      stream: names.codeOf(stream),
      outcome: names.codeOf(outcome),
      reason: names.codeOf(reason ?? ''),
    };
  }

  build(): ColumnBatch {
    const { rows } = this;
    const edge = new Uint16Array(rows).fill(names.codeOf(this.#edge));
    const texts = (all: Uint16Array): DictionaryColumn => names.column(all.subarray(0, rows));
    const { stream, tenant, outcome, reason } = this.#codes;
    const first = this.#minutes[0]!;
    const isOneMinute = this.#minutes.subarray(0, rows).every((minute) => minute === first);
    const columns: Record<string, Column> = {
      minute: isOneMinute
        ? constantInteger(BigInt(first))
        : integersFrom(
            Array.from(this.#minutes.subarray(0, rows), (minute) => BigInt(minute)),
            null,
          ),
      edge: texts(edge),
      stream: texts(stream),
      tenant: texts(tenant),
      outcome: texts(outcome),
      reason: { ...texts(reason), nulls: this.#nulls },
      events: { kind: 'integer', nulls: null, base: 0n, width: 4, deltas: this.#events.subarray(0, rows) },
    };
    return batchOf(
      EDGES_SCHEMA,
      rows,
      // The log stamps `received_at`.
      EDGES_SCHEMA.columns.map(({ name }) => columns[name] ?? constantInteger(0n)),
    );
  }
}

function codes(): Uint16Array {
  return new Uint16Array(CHUNK_ROWS);
}

/**
 * Every name that a count has, as codes of one dictionary for all columns: tenants come again with
 * every commit. When it is nearly full it begins anew, before a batch.
 */
class Names {
  #dictionary = new Dictionary();
  #known = new Map<string, number>();

  codeOf(name: string): number {
    let code = this.#known.get(name);
    if (code === undefined) this.#known.set(name, (code = this.#dictionary.internString(name)));
    return code;
  }

  column(all: Uint16Array): DictionaryColumn {
    return { kind: 'dictionary', nulls: null, codes: all, dictionary: this.#dictionary };
  }

  /** Room for another batch. */
  makeRoom(): void {
    const { size, bytes } = this.#dictionary;
    if (size + 2 * CHUNK_ROWS < ENTRIES_MAX && bytes < BYTES_MAX / 2) return;
    this.#dictionary = new Dictionary();
    this.#known = new Map();
  }
}

const names = new Names();
