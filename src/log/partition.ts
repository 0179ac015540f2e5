/** Which partition a row goes to: hash(tenant) mod P. Never changes for a tenant while P stays. */
import type { BytesColumn, ColumnBatch, DictionaryColumn } from '../event/columns.js';
import { hashBytes, type Dictionary } from '../event/dictionary.js';

/** The partition of a tenant, given as the bytes `source[start .. end]`. */
export function partitionOf(source: Uint8Array, start: number, end: number, partitions: number): number {
  return hashBytes(source, start, end) % partitions;
}

/** Rows of a batch that belong to one partition; null: all of them. */
export interface PartitionRows {
  readonly partition: number;
  readonly rows: Uint32Array | null;
}

const UNKNOWN = 0xffff;
const tables = new WeakMap<Dictionary, Map<number, Uint16Array>>();

/** Splits a batch over partitions, keeping the order of rows. A stream without tenants uses partition 0. */
export function splitByPartition(batch: ColumnBatch, partitions: number): readonly PartitionRows[] {
  const { tenant } = batch.schema.roles;
  if (partitions === 1 || tenant < 0) return [{ partition: 0, rows: null }];
  const column = batch.column(tenant) as DictionaryColumn | BytesColumn;
  const of = new Uint16Array(batch.rows);
  const counts = new Uint32Array(partitions);
  if (column.kind === 'dictionary') {
    const table = tableOf(column.dictionary, partitions);
    for (let row = 0; row < batch.rows; row++) {
      const code = column.codes[row]!;
      let partition = table[code]!;
      if (partition === UNKNOWN) {
        const { data, offsets } = column.dictionary;
        partition = table[code] = partitionOf(data, offsets[code]!, offsets[code + 1]!, partitions);
      }
      of[row] = partition;
      counts[partition]!++;
    }
  } else {
    for (let row = 0; row < batch.rows; row++) {
      const partition = partitionOf(column.data, column.offsets[row]!, column.offsets[row + 1]!, partitions);
      of[row] = partition;
      counts[partition]!++;
    }
  }
  return gatherRows(of, counts);
}

function gatherRows(of: Uint16Array, counts: Uint32Array): PartitionRows[] {
  const first = of[0] ?? 0;
  if (counts[first] === of.length) return [{ partition: first, rows: null }];
  const lists = Array.from(counts, (count) => new Uint32Array(count));
  const filled = new Uint32Array(counts.length);
  for (let row = 0; row < of.length; row++) {
    const partition = of[row]!;
    lists[partition]![filled[partition]!++] = row;
  }
  return lists.flatMap((rows, partition) => (rows.length === 0 ? [] : [{ partition, rows }]));
}

function tableOf(dictionary: Dictionary, partitions: number): Uint16Array {
  let byCount = tables.get(dictionary);
  if (byCount === undefined) tables.set(dictionary, (byCount = new Map()));
  const known = byCount.get(partitions);
  if (known !== undefined && known.length >= dictionary.size) return known;
  const table = new Uint16Array(Math.max(256, dictionary.size * 2)).fill(UNKNOWN);
  if (known !== undefined) table.set(known);
  byCount.set(partitions, table);
  return table;
}
