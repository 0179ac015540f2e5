/** Rows that came out → the bytes of batches for the log, a partition each: nothing is gathered before. */
import { BATCH_ROWS_MAX, encodeBatch } from '../event/batch.js';
import type { ColumnBatch } from '../event/columns.js';
import { gather } from '../event/gather.js';
import type { EncodedRows } from '../log/log.js';
import { splitByPartition } from '../log/partition.js';
import { countRows, type Rows } from './rows.js';

/** The rows that pass, as batches of at most `BATCH_ROWS_MAX` rows. */
export function encodeRows(rows: Rows, partitions: number): EncodedRows[] {
  const { batch, selected, encoded } = rows;
  const count = countRows(rows);
  if (count === 0) return [];
  if (encoded !== undefined && selected === null && partitions === 1) return [{ partition: 0, count, bytes: encoded }];
  const outputs: EncodedRows[] = [];
  for (const { partition, chosen } of split(batch, selected, partitions)) {
    const size = chosen?.length ?? count;
    for (let from = 0; from < size; from += BATCH_ROWS_MAX) {
      const to = Math.min(size, from + BATCH_ROWS_MAX);
      const slice = chosen === null && to - from === size ? null : slicedRows(chosen, from, to);
      outputs.push({ partition, count: to - from, bytes: encodeBatch([{ batch, rows: slice }]) });
    }
  }
  return outputs;
}

function slicedRows(chosen: Uint32Array | null, from: number, to: number): Uint32Array {
  return chosen?.subarray(from, to) ?? Uint32Array.from({ length: to - from }, (_, i) => from + i);
}

function split(
  batch: ColumnBatch,
  selected: Uint32Array | null,
  partitions: number,
): readonly { readonly partition: number; readonly chosen: Uint32Array | null }[] {
  const { tenant } = batch.schema.roles;
  if (partitions === 1 || tenant < 0) return [{ partition: 0, chosen: selected }];
  if (selected === null)
    return splitByPartition(batch, partitions).map(({ partition, rows }) => ({ partition, chosen: rows }));
  const tenants = gather(onlyColumn(batch, tenant), selected);
  return splitByPartition(tenants, partitions).map(({ partition, rows }) => ({
    partition,
    chosen: rows === null ? selected : rows.map((row) => selected[row]!),
  }));
}

/** A batch of the tenant's column alone. */
function onlyColumn(batch: ColumnBatch, index: number): ColumnBatch {
  return {
    schema: {
      columns: [batch.schema.columns[index]!],
      roles: { tenant: 0, eventId: -1, eventTime: -1, receivedAt: -1 },
    },
    rows: batch.rows,
    column: () => batch.column(index),
  };
}
