/**
 * The one file that says which files are in force, and how far they are; it is replaced whole, by a rename.
 *
 * So rows and cursor change together, however many files a move made. What a manifest does not name is of a
 * move that did not come to its end, or was replaced: it is removed.
 */
import { join } from 'node:path';
import { readJsonFile, writeJsonFile } from '../../../io/json-file.js';
import type { Disk } from '../../../io/disk.js';
import { MillraceError } from '../../../util/errors.js';
import { NOWHERE, type Move, type Place } from '../../place.js';
import type { TablePlan } from '../../table-plan.js';
import type { OwnColumn } from './columns.js';

/** Its name. */
export const MANIFEST = 'manifest.json';
const VERSION = 1;

/** Rows, or tombstones, of a UTC day of window starts; or, of a large day, of a part of its keys. */
export interface DayFile {
  readonly path: string;
  /** `2026-01-31`. */
  readonly day: string;
  /** Which of `parts`, from 0. */
  readonly part: number;
  /** Into how many the day is split, by `_key`; a power of two. */
  readonly parts: number;
  readonly rows: number;
}

/** Pages of a round that is not complete. */
export interface StagedFile {
  readonly path: string;
  readonly rows: number;
  /** Rows by day. */
  readonly days: Readonly<Record<string, number>>;
}

/** What a manifest holds. */
export interface Manifest {
  readonly format: 'millrace-pull';
  readonly version: number;
  readonly tenant: string;
  readonly view: string;
  readonly table: string;
  readonly place: Place;
  /** As `definitionText` wrote it. */
  readonly definition: string | null;
  readonly columns: readonly OwnColumn[];
  /** The rows: all of them, each once. */
  readonly files: readonly DayFile[];
  readonly deleted: readonly DayFile[];
  readonly staged: readonly StagedFile[];
  /** The number that the next file gets. */
  readonly next: number;
}

/** The first one. */
export function emptyManifest({ tenant, view, table }: TablePlan): Manifest {
  const none = { place: NOWHERE, definition: null, columns: [], files: [], deleted: [], staged: [], next: 1 };
  return { format: 'millrace-pull', version: VERSION, tenant, view, table, ...none };
}

/** Reads it; undefined when there is none. Throws DATA_FOLDER_DAMAGED, DATA_FOLDER_NEWER. */
export function readManifest(disk: Disk, folder: string): Manifest | undefined {
  const path = join(folder, MANIFEST);
  let found: unknown;
  try {
    found = readJsonFile(disk, path);
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new MillraceError('DATA_FOLDER_DAMAGED', `${path} is not JSON; remove its folder to load it anew`, { cause });
  }
  if (found === undefined) return undefined;
  const manifest = found as Manifest;
  if (manifest.format !== 'millrace-pull')
    throw new MillraceError('PULL_TABLE_CHANGED', `${path} is not one of a pull; name another folder with --into`);
  if (manifest.version === VERSION) return manifest;
  throw new MillraceError(
    'DATA_FOLDER_NEWER',
    `${path} has version ${manifest.version}; this program knows ${VERSION}`,
  );
}

/** Replaces it. What it names must be on disk; it is when this resolves. */
export async function writeManifest(disk: Disk, folder: string, manifest: Manifest): Promise<void> {
  await writeJsonFile(disk, join(folder, MANIFEST), manifest);
}

/** All files that it names. */
export function namedFiles({ files, deleted, staged }: Manifest): Set<string> {
  return new Set([...files, ...deleted, ...staged].map(({ path }) => path));
}

/** Whether a move that was asked at `asked` fits where the table is now; see `PullTable.take`. */
export function isFitting(now: Place, asked: Place, kind: Move['kind'] | 'restage'): boolean {
  if (now.generation !== asked.generation) return false;
  if (kind === 'apply') return (now.stage?.kind ?? 'changes') === 'changes';
  return now.stage?.kind === asked.stage?.kind && (now.stage?.cursor ?? null) === (asked.stage?.cursor ?? null);
}

/** Where a move leads that fits. A cursor is only replaced by one that is as far, or by that of a snapshot. */
export function placeAfter(now: Place, { kind, replaces, to }: Move): Place {
  if (kind === 'stage') return { ...now, stage: to.stage };
  const { generation } = to;
  const stage = kind === 'apply' ? now.stage : null;
  return isFurther(now, replaces, to) ? { ...to, stage } : { ...now, generation, stage };
}

/** Whether the move's place counts. A snapshot says where the server is, which after a restored backup is further back. */
export function isFurther(now: Place, replaces: Move['replaces'], to: Place): boolean {
  return replaces?.kind === 'snapshot' || now.rev <= to.rev;
}
