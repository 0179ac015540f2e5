/**
 * The id of a stored row: its revision and the partition of the changes stream it came from, in
 * one number, `revision × partitions + partition`.
 *
 * A revision is unique within a partition only. A tenant's rows are all in one partition, so for one
 * tenant ids order as revisions do, and over all tenants an id names exactly one row.
 */

/** The id of the row at `offset` of a partition; its revision is `offset + 1`. */
export function idOf(offset: number, partition: number, partitions: number): number {
  return (offset + 1) * partitions + partition;
}

/** The revision in an id. */
export function revisionOf(id: number, partitions: number): number {
  return Math.floor(id / partitions);
}

/** The partition in an id. */
export function partitionOf(id: number, partitions: number): number {
  return id % partitions;
}

/** The largest id that a revision can have: everything newer than the revision is above it. */
export function idCeiling(revision: number, partitions: number): number {
  return revision * partitions + partitions - 1;
}
