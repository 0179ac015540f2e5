/**
 * Brings rows of a table to the views that read it, as a log would: spread over partitions by hash and cut into batches,
 * partitions taking turns. Between two batches the clock goes as far as the rows still to come allow.
 */
import { isNumbered } from './catalog.js';
import type { SessionCatalog, StandingEntry, TableEntry } from './catalog.js';
import type { Row } from '../dataflow/operator.js';
import { keyFunction, wholeRowKey } from '../dataflow/keys.js';
import type { SessionSettings } from './options.js';

/** Rows on their way, with stamps that never fall. */
export interface FedRows {
  readonly rows: readonly Row[];
  readonly stamps: readonly number[];
  /** -1 where a row is deleted by its key; null: none is. */
  readonly weights: readonly number[] | null;
}

/** Feeds views. */
export class Feeder {
  readonly #catalog: SessionCatalog;
  readonly #settings: SessionSettings;

  constructor(catalog: SessionCatalog, settings: SessionSettings) {
    this.#catalog = catalog;
    this.#settings = settings;
  }

  /** Brings rows of a table to all that read it. */
  feed(table: TableEntry, fed: FedRows): void {
    const views = this.#catalog.standing().filter(({ standing }) => standing.sources.includes(table.name));
    if (views.length > 0) this.#feedAll(views, table, fed);
  }

  /** Brings all rows that there are to a new view; keyed tables first, so that what looks them up finds them. */
  fill(view: StandingEntry): void {
    const tables = view.standing.sources
      .map((name) => this.#catalog.get(name))
      .filter((entry): entry is TableEntry => entry?.kind === 'table')
      .toSorted((a, b) => Number(isLast(a)) - Number(isLast(b)));
    for (const [i, table] of tables.entries()) {
      const rows: Row[] = [];
      const stamps: number[] = [];
      for (const { row, stamp } of table.rows.all()) {
        rows.push(row);
        stamps.push(stamp);
      }
      // Until the last table is in, its oldest row holds the clock back.
      const advances = i === tables.length - 1;
      this.#feedAll([view], table, { rows, stamps, weights: null }, advances);
    }
    this.advance([view]);
    view.standing.begin();
  }

  /** Lets the clock of views go as far as the clocks of their sources allow. */
  advance(views: readonly StandingEntry[] = this.#catalog.standing()): void {
    for (const view of views) view.standing.advance(this.#clockOf(view));
  }

  #clockOf({ standing }: StandingEntry, fed?: { readonly table: TableEntry; readonly nextStamp: number }): number {
    let now = Infinity;
    for (const source of standing.clocked) {
      const entry = this.#catalog.get(source);
      if (entry?.kind !== 'table') continue;
      now = Math.min(now, entry === fed?.table ? fed.nextStamp : entry.clock.now);
    }
    return now === Infinity ? -Infinity : now;
  }

  #feedAll(views: readonly StandingEntry[], table: TableEntry, fed: FedRows, advances = true): void {
    const batches = this.#batches(table, fed.rows);
    const left = batches.map((batch) => batch[0]!);
    batches.forEach((batch, i) => {
      const rows = batch.map((at) => fed.rows[at]!);
      const stamps = batch.map((at) => fed.stamps[at]!);
      const weights = fed.weights === null ? null : batch.map((at) => fed.weights![at]!);
      // A batch's first row has its smallest stamp, and so has the smallest of all that follow.
      const nextStamp = left.slice(i + 1).reduce((least, at) => Math.min(least, fed.stamps[at]!), table.clock.now);
      for (const view of views) {
        view.standing.take({ source: table.name, rows, stamps, weights });
        if (advances) view.standing.advance(this.#clockOf(view, { table, nextStamp }));
      }
    });
  }

  /** Positions of the rows of each batch. */
  #batches(table: TableEntry, rows: readonly Row[]): number[][] {
    const { partitions, batchRows } = this.#settings;
    const parts: number[][] = Array.from({ length: partitions }, () => []);
    const types = table.stored.map(({ type }) => type);
    const keyOf =
      table.key === null
        ? wholeRowKey(types)
        : keyFunction(
            table.key,
            table.key.map((field) => types[field]!),
          );
    rows.forEach((row, i) => parts[partitions === 1 ? 0 : hash(String(keyOf(row))) % partitions]!.push(i));
    const batches: number[][] = [];
    for (let from = 0; parts.some((part) => from < part.length); from += batchRows)
      for (const part of parts) if (from < part.length) batches.push(part.slice(from, from + batchRows));
    return batches;
  }
}

/** Whether a table's rows come behind those that are looked up. */
function isLast(table: TableEntry): boolean {
  return table.key === null || isNumbered(table);
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
