/**
 * The order of rows in the lake: tenant (by bytes), event time, partition, offset. A stream without
 * event time goes by `received_at`, one without tenants by time alone.
 */
import type { ColumnBatch, DictionaryColumn, IntegerColumn } from '../event/columns.js';
import type { Dictionary } from '../event/dictionary.js';
import { numbersInto } from '../event/integers.js';
import type { Schema } from '../event/schema.js';

/** The column that times rows. */
export function timeColumn(schema: Schema): number {
  return schema.roles.eventTime >= 0 ? schema.roles.eventTime : schema.roles.receivedAt;
}

/**
 * The rows of a run in lake order. Within a tenant and partition they are by offset already.
 * `breathe` is awaited between parts of the work.
 */
export async function lakeOrder(
  batch: ColumnBatch,
  ranks: TenantRanks,
  breathe: () => Promise<void>,
): Promise<Uint32Array> {
  const { schema, rows } = batch;
  const column = batch.column(timeColumn(schema)) as IntegerColumn;
  const times = new Float64Array(rows);
  numbersInto(column, null, rows, times);
  await breathe();
  const placed = byPartition(batch.column(schema.columns.length - 2) as IntegerColumn, rows);
  await breathe();
  const { order, starts } = ranks.order(batch, placed);
  await breathe();
  let sorted = 0;
  for (let rank = 0; rank + 1 < starts.length; rank++) {
    const start = starts[rank]!;
    const end = starts[rank + 1]!;
    sortByTime(order.subarray(start, end), times);
    if ((sorted += end - start) < SLICE_ROWS) continue;
    sorted = 0;
    await breathe();
  }
  return order;
}

/** Rows sorted without a breath. */
const SLICE_ROWS = 65_536;

/** Row numbers by partition, otherwise rising. */
function byPartition(column: IntegerColumn, rows: number): Uint32Array {
  const partitions = new Float64Array(rows);
  numbersInto(column, null, rows, partitions);
  let last = 0;
  for (let row = 0; row < rows; row++) if (partitions[row]! > last) last = partitions[row]!;
  const next = new Uint32Array(last + 2);
  for (let row = 0; row < rows; row++) next[partitions[row]! + 1]!++;
  for (let partition = 1; partition <= last; partition++) next[partition]! += next[partition - 1]!;
  const placed = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) placed[next[partitions[row]!]!++] = row;
  return placed;
}

type Coded = Pick<DictionaryColumn, 'codes' | 'dictionary'>;

/** Rows by tenant, otherwise as they were given, and where each tenant starts. */
export interface TenantOrder {
  readonly order: Uint32Array;
  /** One more than there are tenants. */
  readonly starts: Uint32Array;
}

/** The places of tenants among all, by bytes; kept up as a dictionary grows. */
export class TenantRanks {
  /** Codes in order. */
  #sorted = new Uint32Array(0);
  #ranks = new Uint32Array(0);

  /** `rows` of a batch by tenant. A stream without tenants is as if it had one. */
  order(batch: ColumnBatch, rows: Uint32Array): TenantOrder {
    const { tenant } = batch.schema.roles;
    if (tenant < 0) return { order: rows, starts: Uint32Array.of(0, rows.length) };
    const { codes, dictionary } = batch.column(tenant) as Coded;
    this.#rank(dictionary);
    const ranks = this.#ranks;
    const starts = new Uint32Array(dictionary.size + 1);
    for (let i = 0; i < rows.length; i++) starts[ranks[codes[rows[i]!]!]! + 1]!++;
    for (let rank = 1; rank < starts.length; rank++) starts[rank]! += starts[rank - 1]!;
    const next = starts.slice();
    const order = new Uint32Array(rows.length);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      order[next[ranks[codes[row]!]!]!++] = row;
    }
    return { order, starts };
  }

  /** Sorts what is new and merges it with what was sorted. */
  #rank(dictionary: Dictionary): void {
    const old = this.#sorted;
    if (dictionary.size === old.length) return;
    const added = Array.from({ length: dictionary.size - old.length }, (_, i) => old.length + i).map((code) => ({
      code,
      bytes: dictionary.bytesOf(code),
    }));
    added.sort((left, right) => Buffer.compare(left.bytes, right.bytes));
    const sorted = new Uint32Array(dictionary.size);
    let from = 0;
    added.forEach(({ code, bytes }, i) => {
      const to = firstAbove(dictionary, old, bytes, from);
      sorted.set(old.subarray(from, to), from + i);
      sorted[to + i] = code;
      from = to;
    });
    sorted.set(old.subarray(from), from + added.length);
    this.#sorted = sorted;
    this.#ranks = new Uint32Array(sorted.length);
    sorted.forEach((code, rank) => (this.#ranks[code] = rank));
  }
}

/** The first place from `start` on whose entry is above `bytes`. */
function firstAbove(dictionary: Dictionary, sorted: Uint32Array, bytes: Uint8Array, start: number): number {
  let low = start;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.compare(dictionary.bytesOf(sorted[middle]!), bytes) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Sorts row numbers by time; rows of equal times stay in the order in which they are given. */
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
  const before = order.slice();
  if ((max - min + 1) * count > Number.MAX_SAFE_INTEGER) {
    const places = Array.from({ length: count }, (_, i) => i);
    places.sort((left, right) => times[before[left]!]! - times[before[right]!]! || left - right);
    places.forEach((place, i) => (order[i] = before[place]!));
    return;
  }
  // Time and place in one number: the engine's own sort of doubles is several times faster.
  const keys = new Float64Array(count);
  for (let i = 0; i < count; i++) keys[i] = (times[before[i]!]! - min) * count + i;
  keys.sort();
  for (let i = 0; i < count; i++) order[i] = before[keys[i]! % count]!;
}
