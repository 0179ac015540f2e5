/**
 * Merges what came into one file of a day: by key, the higher revision stays, and a tombstone keeps older
 * rows out. The old file is read and the new one written a row group at a time; in memory are the rows that
 * came and the tombstones, of this part of this day.
 */
import { batchOf, type BooleanColumn, type ColumnBatch } from '../../../event/columns.js';
import { gather } from '../../../event/gather.js';
import { columnFromValues } from '../../../event/rows.js';
import { columnIndex } from '../../../event/schema-define.js';
import type { Schema } from '../../../event/schema.js';
import type { Disk } from '../../../io/disk.js';
import { DELETED_SCHEMA } from './columns.js';
import { dayOf, GROUP_ROWS, keyColumns, partOf, readGroups, RowsWriter } from './files.js';

/** What is merged. */
export interface MergeInput {
  readonly disk: Disk;
  readonly rows: Schema;
  readonly day: string;
  readonly part: number;
  readonly parts: number;
  /** Paths of the rows and tombstones that are there; rows of other parts in them are left out. */
  readonly files: readonly string[];
  readonly deleted: readonly string[];
  /** Rows of these window starts are replaced by what came. */
  readonly isReplaced: (windowStartMs: number) => boolean;
  /** Tombstones that go before: a listing is the truth. */
  readonly clears: 'none' | 'incoming' | 'all';
  readonly guards: Guards;
  readonly now: number;
  /** Where rows and tombstones go. */
  readonly into: { readonly files: string; readonly deleted: string };
}

/** What holds old rows off. */
export interface Guards {
  readonly byRevision: boolean;
  readonly byTombstone: boolean;
}

/** What came of it: how many rows and tombstones the new files have, and how many rows changed. */
export interface Merged {
  readonly rows: number;
  readonly deleted: number;
  readonly written: number;
}

interface Newest {
  readonly batch: number;
  readonly row: number;
  readonly rev: number;
  readonly isDelete: boolean;
}

interface Tombstone {
  readonly rev: number;
  readonly at: number;
}

/** What of a page belongs to a part of a day, newest by key. */
export class Incoming {
  readonly batches: ColumnBatch[] = [];
  readonly newest = new Map<string, Newest>();

  /** `batches`: of `pageSchema`, oldest first; rows of other days and parts are left out. */
  constructor(batches: Iterable<ColumnBatch>, day: string, part: number, parts: number) {
    for (const batch of batches) this.#add(batch, day, part, parts);
  }

  #add(whole: ColumnBatch, day: string, part: number, parts: number): void {
    const all = keyColumns(whole);
    const rows: number[] = [];
    for (let row = 0; row < whole.rows; row++)
      if (partOf(all.keyBytes(row), parts) === part && dayOf(all.time(row)) === day) rows.push(row);
    if (rows.length === 0) return;
    // A copy of the few, so that the many are not held.
    const batch = rows.length === whole.rows ? whole : gather(whole, rows);
    const index = this.batches.push(batch) - 1;
    const columns = keyColumns(batch);
    const { values: deletes } = batch.column(columnIndex(batch.schema, '_deleted')) as BooleanColumn;
    for (let row = 0; row < batch.rows; row++) {
      const key = columns.key(row);
      const rev = columns.rev(row);
      const other = this.newest.get(key);
      if (other === undefined || other.rev <= rev)
        this.newest.set(key, { batch: index, row, rev, isDelete: deletes[row] === 1 });
    }
  }
}

/** Writes the new files. */
export async function mergePart(input: MergeInput, came: Incoming): Promise<Merged> {
  const { disk, rows, into } = input;
  const tombstones = readTombstones(input, came);
  const writer = new RowsWriter(disk, into.files, rows);
  try {
    let written = await keepOld(input, came, writer);
    written += await addNew(came, tombstones, writer);
    const count = await writer.finish();
    bury(came, tombstones, input.now);
    return { rows: count, deleted: await writeTombstones(disk, into.deleted, tombstones), written };
  } finally {
    writer.close();
  }
}

function readTombstones(input: MergeInput, { newest }: Incoming): Map<string, Tombstone> {
  const { disk, deleted, part, parts, clears, guards } = input;
  const tombstones = new Map<string, Tombstone>();
  if (clears !== 'all')
    for (const path of deleted)
      for (const [key, bytes, tombstone] of tombstonesIn(disk, path))
        if (partOf(bytes, parts) === part && !(clears === 'incoming' && newest.has(key)))
          tombstones.set(key, tombstone);
  if (!guards.byTombstone) return tombstones;
  for (const [key, { rev, isDelete }] of newest) {
    const tombstone = tombstones.get(key);
    if (!isDelete && tombstone !== undefined && tombstone.rev >= rev) newest.delete(key);
  }
  return tombstones;
}

/** Copies the rows that stay. What is older than they are comes out of `newest`. Answers how many were deleted. */
async function keepOld(input: MergeInput, { newest }: Incoming, writer: RowsWriter): Promise<number> {
  const { disk, files, rows: schema, part, parts, isReplaced, guards } = input;
  let deleted = 0;
  for (const path of files) {
    for (const batch of readGroups(disk, path, schema)) {
      const columns = keyColumns(batch);
      const kept: number[] = [];
      for (let row = 0; row < batch.rows; row++) {
        if (partOf(columns.keyBytes(row), parts) !== part || isReplaced(columns.time(row))) continue;
        const key = columns.key(row);
        const other = newest.get(key);
        if (other === undefined || (guards.byRevision && other.rev <= columns.rev(row))) {
          kept.push(row);
          newest.delete(key);
        } else if (other.isDelete) deleted++;
      }
      if (kept.length > 0)
        await writer.add({ batch, rows: kept.length === batch.rows ? null : Uint32Array.from(kept) });
    }
  }
  return deleted;
}

async function addNew({ newest, batches }: Incoming, tombstones: Map<string, Tombstone>, writer: RowsWriter) {
  const rows = batches.map((): number[] => []);
  let added = 0;
  for (const [key, { batch, row, rev, isDelete }] of newest) {
    if (isDelete) continue;
    rows[batch]!.push(row);
    added++;
    const tombstone = tombstones.get(key);
    if (tombstone !== undefined && tombstone.rev < rev) tombstones.delete(key);
  }
  for (const [index, chosen] of rows.entries()) {
    const sorted = Uint32Array.from(chosen).sort();
    for (let from = 0; from < sorted.length; from += GROUP_ROWS)
      await writer.add({ batch: batches[index]!, rows: sorted.subarray(from, from + GROUP_ROWS) });
  }
  return added;
}

function bury({ newest }: Incoming, tombstones: Map<string, Tombstone>, now: number): void {
  for (const [key, { rev, isDelete }] of newest) {
    const tombstone = tombstones.get(key);
    if (isDelete && (tombstone === undefined || tombstone.rev < rev)) tombstones.set(key, { rev, at: now });
  }
}

/** The tombstones of a file: key as text, as bytes, and what is known. */
export function* tombstonesIn(disk: Disk, path: string): Generator<readonly [string, Uint8Array, Tombstone]> {
  for (const batch of readGroups(disk, path, DELETED_SCHEMA)) {
    const columns = keyColumns(batch, '_at');
    for (let row = 0; row < batch.rows; row++)
      yield [columns.key(row), columns.keyBytes(row), { rev: columns.rev(row), at: columns.time(row) }];
  }
}

/** Writes tombstones; answers how many. */
export async function writeTombstones(
  disk: Disk,
  path: string,
  tombstones: ReadonlyMap<string, Tombstone>,
): Promise<number> {
  if (tombstones.size === 0) return 0;
  const [key, rev, at] = DELETED_SCHEMA.columns;
  const all = [...tombstones.values()];
  const batch = batchOf(DELETED_SCHEMA, tombstones.size, [
    columnFromValues(
      key!,
      [...tombstones.keys()].map((text) => Buffer.from(text, 'latin1')),
    ),
    columnFromValues(
      rev!,
      all.map((tombstone) => tombstone.rev),
    ),
    columnFromValues(
      at!,
      all.map((tombstone) => tombstone.at),
    ),
  ]);
  const writer = new RowsWriter(disk, path, DELETED_SCHEMA);
  try {
    await writer.add({ batch, rows: null });
    return await writer.finish();
  } finally {
    writer.close();
  }
}
