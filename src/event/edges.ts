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

/** A count of one tenant, minute and outcome. */
export interface EdgeCount {
  readonly stream: string;
  readonly tenant: string;
  readonly minuteMs: number;
  readonly outcome: EdgeOutcome;
  readonly reason: string | null;
  events: number;
}

/** Counts of one reader between two commits. */
export class EdgeCounts {
  readonly #counts = new Map<string, EdgeCount>();

  /** How many counts there are. */
  get size(): number {
    return this.#counts.size;
  }

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
    const minuteMs = Math.floor(receivedAt / MINUTE_MS) * MINUTE_MS;
    const key = `${stream}\0${tenant}\0${minuteMs}\0${outcome}\0${reason ?? ''}`;
    const known = this.#counts.get(key);
    if (known === undefined) this.#counts.set(key, { stream, tenant, minuteMs, outcome, reason, events });
    else known.events += events;
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
    for (const [tenant, rows] of tenantRows(batch, counts)) this.add(stream, tenant, receivedAt, outcome, rows, reason);
  }

  /** Takes over all counts of `other`. */
  merge(other: EdgeCounts): void {
    for (const { stream, tenant, minuteMs, outcome, reason, events } of other.#counts.values())
      this.add(stream, tenant, minuteMs, outcome, events, reason);
  }

  /** All counts. */
  all(): IterableIterator<Readonly<EdgeCount>> {
    return this.#counts.values();
  }

  /** The sum of an outcome over tenants, minutes and reasons. */
  total(outcome: EdgeOutcome): number {
    let sum = 0;
    for (const count of this.#counts.values()) if (count.outcome === outcome) sum += count.events;
    return sum;
  }

  /** The counts as batches of the edges stream; `edge` is the reader's id. */
  batches(edge: string): ColumnBatch[] {
    const counts = [...this.#counts.values()];
    const batches: ColumnBatch[] = [];
    for (let from = 0; from < counts.length; from += CHUNK_ROWS)
      batches.push(edgeBatch(edge, counts.slice(from, from + CHUNK_ROWS)));
    return batches;
  }
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

function edgeBatch(edge: string, counts: readonly EdgeCount[]): ColumnBatch {
  const nulls = new Uint8Array((counts.length + 7) >> 3);
  counts.forEach(({ reason }, row) => {
    if (reason === null) nulls[row >> 3]! |= 1 << (row & 7);
  });
  const columns: Record<string, Column> = {
    minute: integers(counts.map(({ minuteMs }) => minuteMs)),
    edge: texts(counts.map(() => edge)),
    stream: texts(counts.map(({ stream }) => stream)),
    tenant: texts(counts.map(({ tenant }) => tenant)),
    outcome: texts(counts.map(({ outcome }) => outcome)),
    reason: { ...texts(counts.map(({ reason }) => reason ?? '')), nulls },
    events: integers(counts.map(({ events }) => events)),
  };
  return batchOf(
    EDGES_SCHEMA,
    counts.length,
    // The log stamps `received_at`.
    EDGES_SCHEMA.columns.map(({ name }) => columns[name] ?? constantInteger(0n)),
  );
}

function integers(values: readonly number[]): Column {
  return integersFrom(
    values.map((value) => BigInt(value)),
    null,
  );
}

function texts(values: readonly string[]): DictionaryColumn {
  const dictionary = new Dictionary();
  const known = new Map<string, number>();
  const codes = Uint16Array.from(values, (text) => {
    let code = known.get(text);
    if (code === undefined) known.set(text, (code = dictionary.internString(text)));
    return code;
  });
  return { kind: 'dictionary', nulls: null, codes, dictionary };
}
