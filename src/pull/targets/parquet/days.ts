/**
 * Merges what came into the days that it touches, one after the other; a large day a part of its keys at a
 * time, so that memory has a bound: what comes for `PART_ROWS` rows.
 */
import { join } from 'node:path';
import type { ColumnBatch } from '../../../event/columns.js';
import type { Disk } from '../../../io/disk.js';
import type { Stage } from '../../place.js';
import { pageSchema, rowSchema } from './columns.js';
import { dayOf, keyColumns, readGroups } from './files.js';
import type { DayFile, Manifest, StagedFile } from './manifest.js';
import { Incoming, mergePart, type Guards, type MergeInput } from './merge.js';

/** Rows, tombstones and rows that come, of a part; a day with more is split. */
export const PART_ROWS = 262_144;
const PARTS_MAX = 4096;
const DAY_MS = 86_400_000;

/** What is to be merged. */
export interface Merge {
  readonly disk: Disk;
  readonly folder: string;
  readonly manifest: Manifest;
  /** Pages that waited, and then one more. */
  readonly staged: readonly StagedFile[];
  readonly page: ColumnBatch;
  readonly replaces: Stage | null;
  /** Asked before each day. */
  readonly guards: (day: string) => Promise<Guards>;
  readonly now: number;
  readonly partRows: number;
}

/** The manifest with the new files, and how many rows were added, changed or deleted. */
export async function mergeDays(merge: Merge): Promise<{ readonly manifest: Manifest; readonly written: number }> {
  const { manifest, replaces, page, staged } = merge;
  const pageDays = countDays(page);
  const coming = new Map(Object.entries(pageDays));
  for (const { days } of staged)
    for (const [day, rows] of Object.entries(days)) coming.set(day, (coming.get(day) ?? 0) + rows);
  const days = new Set(coming.keys());
  if (replaces !== null) for (const day of touched(manifest, replaces)) days.add(day);
  let result = { manifest, written: 0 };
  for (const day of [...days].toSorted()) {
    const done = await mergeDay({ ...merge, manifest: result.manifest }, day, coming.get(day) ?? 0);
    result = { manifest: done.manifest, written: result.written + done.written };
  }
  return result;
}

/** Rows of a batch by day. */
export function countDays(batch: ColumnBatch): Record<string, number> {
  const columns = keyColumns(batch);
  const days: Record<string, number> = {};
  for (let row = 0; row < batch.rows; row++) {
    const day = dayOf(columns.time(row));
    days[day] = (days[day] ?? 0) + 1;
  }
  return days;
}

/** The days from which a listing can take anything: a snapshot takes all tombstones. */
function touched({ files, deleted }: Manifest, { kind, from, to }: Stage): string[] {
  const isIn = ({ day }: DayFile): boolean =>
    (to === null || Date.parse(day) < Date.parse(to)) && (from === null || Date.parse(day) + DAY_MS > Date.parse(from));
  const buried = kind === 'snapshot' ? deleted : deleted.filter(isIn);
  return [...files.filter(isIn), ...buried].map(({ day }) => day);
}

/** Which window starts a listing replaces. */
function replacedBy(replaces: Stage | null): (ms: number) => boolean {
  if (replaces === null) return () => false;
  const from = replaces.from === null ? -Infinity : Date.parse(replaces.from);
  const to = replaces.to === null ? Infinity : Date.parse(replaces.to);
  return (ms) => ms >= from && ms < to;
}

async function mergeDay(merge: Merge, day: string, coming: number) {
  const { manifest, replaces } = merge;
  const isReplaced = replacedBy(replaces);
  const isWhole = isReplaced(Date.parse(day)) && isReplaced(Date.parse(day) + DAY_MS - 1);
  const ofDay = (file: DayFile): boolean => file.day === day;
  const files = manifest.files.filter(ofDay);
  const deleted = manifest.deleted.filter(ofDay);
  // What is replaced as a whole need not be read.
  const old = isWhole ? [] : files;
  const before = (files[0] ?? deleted[0])?.parts ?? 1;
  const total = [...old, ...deleted].reduce((sum, { rows }) => sum + rows, coming);
  const parts = Math.max(before, partsFor(total, merge.partRows));
  const others = (list: readonly DayFile[]) => list.filter((file) => !ofDay(file));
  let result: Manifest = { ...manifest, files: others(manifest.files), deleted: others(manifest.deleted) };
  let written = 0;
  const guards = await merge.guards(day);
  for (let part = 0; part < parts; part++) {
    const isHere = (file: DayFile): boolean => parts !== before || file.part === part;
    const came = new Incoming(incomingOf(merge, day), day, part, parts);
    if (came.newest.size === 0 && replaces === null && parts === before) {
      const kept = (list: readonly DayFile[]) => list.filter((file) => file.part === part);
      result = { ...result, files: [...result.files, ...kept(files)], deleted: [...result.deleted, ...kept(deleted)] };
      continue;
    }
    const clears = replaces === null ? 'none' : replaces.kind === 'snapshot' ? 'all' : 'incoming';
    const sources = { files: old.filter(isHere), deleted: deleted.filter(isHere) };
    const done = await writePart(merge, result, { day, part, parts, sources, isReplaced, clears, guards }, came);
    result = done.manifest;
    written += done.written;
  }
  return { manifest: { ...result, files: inOrder(result.files), deleted: inOrder(result.deleted) }, written };
}

interface Part extends Pick<MergeInput, 'day' | 'part' | 'parts' | 'isReplaced' | 'clears' | 'guards'> {
  readonly sources: { readonly files: readonly DayFile[]; readonly deleted: readonly DayFile[] };
}

async function writePart(merge: Merge, manifest: Manifest, { sources, ...part }: Part, came: Incoming) {
  const { disk, folder, now } = merge;
  const { day, part: index, parts } = part;
  const paths = (files: readonly DayFile[]) => files.map(({ path }) => join(folder, path));
  const name = `${day}.${String(manifest.next).padStart(10, '0')}`;
  const names = { files: `${name}.parquet`, deleted: `${name}.deleted` };
  const merged = await mergePart(
    {
      ...part,
      disk,
      now,
      rows: rowSchema(manifest.columns),
      files: paths(sources.files),
      deleted: paths(sources.deleted),
      into: { files: join(folder, names.files), deleted: join(folder, names.deleted) },
    },
    came,
  );
  const file = (path: string, rows: number): DayFile[] => (rows === 0 ? [] : [{ path, day, part: index, parts, rows }]);
  return {
    written: merged.written,
    manifest: {
      ...manifest,
      next: manifest.next + 1,
      files: [...manifest.files, ...file(names.files, merged.rows)],
      deleted: [...manifest.deleted, ...file(names.deleted, merged.deleted)],
    },
  };
}

function* incomingOf({ disk, folder, manifest, staged, page }: Merge, day: string): Generator<ColumnBatch> {
  const schema = pageSchema(manifest.columns);
  for (const { path, days } of staged) if (days[day] !== undefined) yield* readGroups(disk, join(folder, path), schema);
  yield page;
}

/** Into how many parts that many rows are split. */
function partsFor(rows: number, partRows: number): number {
  let parts = 1;
  while (parts < PARTS_MAX && rows > parts * partRows) parts *= 2;
  return parts;
}

function inOrder(files: readonly DayFile[]): DayFile[] {
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
