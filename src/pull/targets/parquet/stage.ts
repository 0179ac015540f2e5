/**
 * Pages that wait for the end of their round: a file each. When `SMALL_MAX` small ones have come together they
 * become one, so that a first load of any length keeps a short manifest.
 */
import { join } from 'node:path';
import type { RowSlice } from '../../../event/batch.js';
import type { ColumnBatch } from '../../../event/columns.js';
import type { Disk } from '../../../io/disk.js';
import { pageSchema } from './columns.js';
import { countDays } from './days.js';
import { GROUP_ROWS, readGroups, RowsWriter } from './files.js';
import type { Manifest, StagedFile } from './manifest.js';

const SMALL_MAX = 32;

/** The manifest with a page staged behind the others. */
export async function stagePage(disk: Disk, folder: string, manifest: Manifest, page: ColumnBatch): Promise<Manifest> {
  if (page.rows === 0) return manifest;
  const last = manifest.staged.findLastIndex(({ rows }) => rows >= GROUP_ROWS);
  const small = manifest.staged.slice(last + 1);
  if (small.length < SMALL_MAX) {
    const file = await write(disk, folder, manifest, [{ batch: page, rows: null }], [countDays(page)]);
    return { ...manifest, next: manifest.next + 1, staged: [...manifest.staged, file] };
  }
  const schema = pageSchema(manifest.columns);
  const slices = function* (): Generator<RowSlice> {
    for (const { path } of small)
      for (const batch of readGroups(disk, join(folder, path), schema)) yield { batch, rows: null };
    yield { batch: page, rows: null };
  };
  const days = [...small.map((file) => file.days), countDays(page)];
  const file = await write(disk, folder, manifest, slices(), days);
  return { ...manifest, next: manifest.next + 1, staged: [...manifest.staged.slice(0, last + 1), file] };
}

async function write(
  disk: Disk,
  folder: string,
  { next, columns }: Manifest,
  slices: Iterable<RowSlice>,
  counts: readonly Readonly<Record<string, number>>[],
): Promise<StagedFile> {
  const path = `round.${String(next).padStart(10, '0')}.staged`;
  const writer = new RowsWriter(disk, join(folder, path), pageSchema(columns));
  try {
    for (const slice of slices) await writer.add(slice);
    const rows = await writer.finish();
    const days: Record<string, number> = {};
    for (const [day, count] of counts.flatMap((one) => Object.entries(one))) days[day] = (days[day] ?? 0) + count;
    return { path, rows, days };
  } finally {
    writer.close();
  }
}
