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
import { Dictionary } from './dictionary.js';
import { constantInteger, integersFrom } from './integers.js';
import { EDGES_SCHEMA } from './internal.js';
import { valueOf } from './rows.js';

/** What became of rows; see `EDGES_SCHEMA`. */
export type EdgeOutcome = 'read' | 'ok' | 'filtered' | 'quarantined' | 'dropped' | 'written';

/** Rows a batch of the edges stream. */
const CHUNK_ROWS = 8_192;
const MINUTE_MS = 60_000;
const NO_TENANT = '*';

/** Counts of one stream, minute, outcome and reason, by tenant. */
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
    if (events === 0) return;
    const { tenants } = this.#seriesOf(stream, receivedAt, outcome, reason);
    tenants.set(tenant, (tenants.get(tenant) ?? 0) + events);
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
    const { tenants } = this.#seriesOf(stream, receivedAt, outcome, reason);
    for (const [tenant, rows] of tenantRows(batch, counts)) tenants.set(tenant, (tenants.get(tenant) ?? 0) + rows);
  }

  /** Takes over all counts of `other`. */
  merge(other: EdgeCounts): void {
    for (const { stream, minuteMs, outcome, reason, tenants } of other.#series.values())
      for (const [tenant, events] of tenants) this.add(stream, tenant, minuteMs, outcome, events, reason);
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
    const counts = [...this.#series.values()].flatMap((series) =>
      Array.from(series.tenants, ([tenant, events]) => ({ series, tenant, events })),
    );
    const batches: ColumnBatch[] = [];
    for (let from = 0; from < counts.length; from += CHUNK_ROWS)
      batches.push(edgeBatch(edge, counts.slice(from, from + CHUNK_ROWS)));
    return batches;
  }

  #seriesOf(stream: string, receivedAt: number, outcome: EdgeOutcome, reason: string | null): Series {
    const minuteMs = Math.floor(receivedAt / MINUTE_MS) * MINUTE_MS;
    const key = `${stream} ${minuteMs} ${outcome} ${reason ?? ''}`;
    let series = this.#series.get(key);
    if (series === undefined)
      this.#series.set(key, (series = { stream, minuteMs, outcome, reason, tenants: new Map() }));
    return series;
  }
}

interface Count {
  readonly series: Series;
  readonly tenant: string;
  readonly events: number;
}

/** Rows by tenant; `*` where a stream has none. */
function tenantRows(
  batch: ColumnBatch,
  counts: ((row: number) => boolean) | null,
): Iterable<readonly [string, number]> {
  const { tenant } = batch.schema.roles;
  const column = tenant < 0 ? null : batch.column(tenant);
  if (column?.kind === 'dictionary' && column.nulls === null) return codeRows(column, batch.rows, counts);
  const found = new Map<string, number>();
  const { type } = batch.schema.columns[Math.max(0, tenant)]!;
  for (let row = 0; row < batch.rows; row++) {
    if (counts !== null && !counts(row)) continue;
    const name = column === null || isNull(column.nulls, row) ? NO_TENANT : String(valueOf(column, type, row));
    found.set(name, (found.get(name) ?? 0) + 1);
  }
  return found;
}

function* codeRows(
  { codes, dictionary }: DictionaryColumn,
  rows: number,
  counts: ((row: number) => boolean) | null,
): Iterable<readonly [string, number]> {
  const byCode = new Uint32Array(dictionary.size);
  for (let row = 0; row < rows; row++) if (counts === null || counts(row)) byCode[codes[row]!]! += 1;
  for (let code = 0; code < byCode.length; code++)
    if (byCode[code]! > 0) yield [dictionary.stringOf(code), byCode[code]!];
}

function edgeBatch(edge: string, counts: readonly Count[]): ColumnBatch {
  const nulls = new Uint8Array((counts.length + 7) >> 3);
  counts.forEach(({ series }, row) => {
    if (series.reason === null) nulls[row >> 3]! |= 1 << (row & 7);
  });
  const columns: Record<string, Column> = {
    minute: integersFrom(
      counts.map(({ series }) => BigInt(series.minuteMs)),
      null,
    ),
    edge: texts(counts, () => edge),
    stream: texts(counts, ({ series }) => series.stream),
    tenant: texts(counts, ({ tenant }) => tenant),
    outcome: texts(counts, ({ series }) => series.outcome),
    reason: { ...texts(counts, ({ series }) => series.reason ?? ''), nulls },
    events: integersFrom(
      counts.map(({ events }) => BigInt(events)),
      null,
    ),
  };
  return batchOf(
    EDGES_SCHEMA,
    counts.length,
    // The log stamps `received_at`.
    EDGES_SCHEMA.columns.map(({ name }) => columns[name] ?? constantInteger(0n)),
  );
}

function texts(counts: readonly Count[], textOf: (count: Count) => string): DictionaryColumn {
  const dictionary = new Dictionary();
  const known = new Map<string, number>();
  const codes = new Uint16Array(counts.length);
  for (let row = 0; row < counts.length; row++) {
    const text = textOf(counts[row]!);
    let code = known.get(text);
    if (code === undefined) known.set(text, (code = dictionary.internString(text)));
    codes[row] = code;
  }
  return { kind: 'dictionary', nulls: null, codes, dictionary };
}
