/** What is remembered of views: `views.json` in the mill's folder, replaced whole. */
import { join } from 'node:path';
import type { Disk } from '../io/disk.js';
import { readJsonFile, writeJsonFile } from '../io/json-file.js';
import type { Places } from './late-telling.js';

/** One definition of a view. */
export interface Definition {
  readonly epoch: number;
  /** `<epoch>.<16 hexadecimal digits>`. */
  readonly id: string;
  readonly hash: string;
  /** The statement that its state is of. */
  readonly text: string;
  /** Statements of the views that it reads, in an order in which they can be planned. Left out: those of the configuration. */
  readonly reads?: readonly string[];
  /** Rows stamped before were gone already when it began, ms; null: it has seen all. */
  readonly sinceMs: number | null;
  /** Where it began in the lake, below the log's start; a partition left out: with the log. Left out: with the log. */
  readonly history?: Places;
  /** From where on it tells late rows; null: nothing yet. Left out: from the beginning. */
  readonly lateFrom?: Places | null;
}

/** The definition before. */
export interface Replaced extends Definition {
  /** When the newest began to answer, ms since 1970; null: this one still answers. */
  readonly replacedMs: number | null;
  /** Up to where it tells late rows. */
  readonly lateTo?: Places;
}

/** What a view was last. */
export interface KnownView extends Definition {
  readonly previous?: Replaced;
  /** The largest number that an epoch of it ever had, when that is not its own. */
  readonly epochsUsed?: number;
}

const VIEWS_FILE = 'views.json';

/** The mill's folder in a data folder. */
export function millFolder(dataFolder: string): string {
  return join(dataFolder, 'mill');
}

/** What is known of each view, by its name. */
export function readKnown(disk: Disk, dataFolder: string): Map<string, KnownView> {
  const known = readJsonFile(disk, join(millFolder(dataFolder), VIEWS_FILE)) as Record<string, KnownView> | undefined;
  return new Map(Object.entries(known ?? {}));
}

/** Remembers it; it is on disk when this resolves. */
export async function writeKnown(disk: Disk, dataFolder: string, known: ReadonlyMap<string, KnownView>): Promise<void> {
  await writeJsonFile(disk, join(millFolder(dataFolder), VIEWS_FILE), Object.fromEntries(known));
}

/** Remembers that the newest definition of a view answers, and from where on it tells late rows. */
export async function rememberSwap(
  disk: Disk,
  dataFolder: string,
  name: string,
  nowMs: number,
  at: Places,
): Promise<void> {
  const known = readKnown(disk, dataFolder);
  const view = known.get(name);
  if (view?.previous === undefined) throw new TypeError(`view ${name} has no definition before`);
  known.set(name, { ...view, lateFrom: at, previous: { ...view.previous, replacedMs: nowMs, lateTo: at } });
  await writeKnown(disk, dataFolder, known);
}
