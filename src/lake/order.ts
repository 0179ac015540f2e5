/**
 * The order of rows in the lake: tenant (by bytes), event time, partition, offset. A stream without
 * event time goes by `received_at`, one without tenants by time alone.
 */
import type { BytesColumn, ColumnBatch, DictionaryColumn, IntegerColumn } from '../event/columns.js';
import { Dictionary } from '../event/dictionary.js';
import { numberAt } from '../event/integers.js';
import type { Schema } from '../event/schema.js';

/** The column that times rows. */
export function timeColumn(schema: Schema): number {
  return schema.roles.eventTime >= 0 ? schema.roles.eventTime : schema.roles.receivedAt;
}

/** Rows of batches in lake order: row i is row `rows[i]` of `batches[which[i]]`. */
export interface SortedRows {
  readonly which: Uint32Array;
  readonly rows: Uint32Array;
}

/** Sorts the rows of `batches`, which are given by (partition, offset). */
export function sortRows(schema: Schema, batches: readonly ColumnBatch[]): SortedRows {
  let total = 0;
  for (const batch of batches) total += batch.rows;
  const which = new Uint32Array(total);
  const rows = new Uint32Array(total);
  const times = new Float64Array(total);
  const tenants = new TenantTable();
  const tenantIds = new Uint32Array(total);
  const time = timeColumn(schema);
  let at = 0;
  batches.forEach((batch, index) => {
    const column = batch.column(time) as IntegerColumn;
    if (schema.roles.tenant >= 0)
      tenants.fill(batch.column(schema.roles.tenant) as DictionaryColumn | BytesColumn, batch.rows, tenantIds, at);
    for (let row = 0; row < batch.rows; row++, at++) {
      which[at] = index;
      rows[at] = row;
      times[at] = numberAt(column, row);
    }
  });
  const order = sortByTenantAndTime(tenantIds, tenants.ranks(), times);
  return { which: order.map((position) => which[position]!), rows: order.map((position) => rows[position]!) };
}

function sortByTenantAndTime(tenantIds: Uint32Array, ranks: Uint32Array, times: Float64Array): Uint32Array {
  const total = tenantIds.length;
  const starts = new Uint32Array(ranks.length + 1);
  for (let i = 0; i < total; i++) starts[ranks[tenantIds[i]!]! + 1]!++;
  for (let rank = 1; rank < starts.length; rank++) starts[rank]! += starts[rank - 1]!;
  const next = starts.slice();
  const order = new Uint32Array(total);
  for (let i = 0; i < total; i++) order[next[ranks[tenantIds[i]!]!]!++] = i;
  for (let rank = 0; rank + 1 < starts.length; rank++)
    sortByTime(order.subarray(starts[rank], starts[rank + 1]), times);
  return order;
}

/** Sorts row numbers by time; equal times stay in the order of the numbers, which rise. */
function sortByTime(order: Uint32Array, times: Float64Array): void {
  const count = order.length;
  let min = Infinity;
  let max = -Infinity;
  let sorted = true;
  for (let i = 0; i < count; i++) {
    const time = times[order[i]!]!;
    if (time < max) sorted = false;
    if (time < min) min = time;
    if (time > max) max = time;
  }
  if (sorted) return;
  if ((max - min + 1) * count > Number.MAX_SAFE_INTEGER) {
    order.sort((left, right) => times[left]! - times[right]! || left - right);
    return;
  }
  // Time and place in one number: the engine's own sort of doubles is several times faster.
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) keys[i] = (times[order[i]!]! - min) * count + i;
  keys.sort();
  const before = order.slice();
  for (let i = 0; i < count; i++) order[i] = before[keys[i]! % count]!;
}

/** Tenants of many dictionaries as one numbering. */
class TenantTable {
  readonly #tables: Dictionary[] = [new Dictionary()];
  readonly #lookups = new Map<Dictionary, Int32Array>();

  /** Writes the number of each row's tenant to `ids[at ..]`. */
  fill(column: DictionaryColumn | BytesColumn, rows: number, ids: Uint32Array, at: number): void {
    if (column.kind === 'bytes') {
      for (let row = 0; row < rows; row++)
        ids[at + row] = this.#number(column.data, column.offsets[row]!, column.offsets[row + 1]!);
      return;
    }
    const { data, offsets, size } = column.dictionary;
    let lookup = this.#lookups.get(column.dictionary);
    if (lookup === undefined || lookup.length < size) {
      const longer = new Int32Array(size).fill(-1);
      if (lookup !== undefined) longer.set(lookup);
      this.#lookups.set(column.dictionary, (lookup = longer));
    }
    for (let row = 0; row < rows; row++) {
      const code = column.codes[row]!;
      let id = lookup[code]!;
      if (id < 0) id = lookup[code] = this.#number(data, offsets[code]!, offsets[code + 1]!);
      ids[at + row] = id;
    }
  }

  /** By number: the place among all tenants by bytes. */
  ranks(): Uint32Array {
    const entries = this.#tables.flatMap((table, t) =>
      Array.from({ length: table.size }, (_, code) => ({ id: t * 65_536 + code, bytes: table.bytesOf(code) })),
    );
    entries.sort((left, right) => Buffer.compare(left.bytes, right.bytes));
    const ranks = new Uint32Array(Math.max(1, this.#tables.length * 65_536));
    entries.forEach((entry, rank) => (ranks[entry.id] = rank));
    return this.#tables.length === 1 ? ranks.subarray(0, Math.max(1, this.#tables[0]!.size)) : ranks;
  }

  #number(data: Uint8Array, from: number, to: number): number {
    for (let t = 0; ; t++) {
      const table = (this.#tables[t] ??= new Dictionary());
      const code = t === this.#tables.length - 1 ? table.intern(data, from, to) : table.find(data, from, to);
      if (code >= 0) return t * 65_536 + code;
    }
  }
}
