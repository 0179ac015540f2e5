/**
 * The files that a running configuration was made of, and waiting until one of them changes.
 *
 * They are looked at (size, time, inode) rather than listened to: editors replace files by renaming,
 * which ends a listener silently, and some mounts tell nothing.
 *
 * While there is a mistake, what is to be fixed may be a file that is not known yet, such as a function
 * that is not written. So all sources beneath the folder of the configuration count then.
 *
 * Limits: `SOURCES_MAX` sources, `DEPTH_MAX` folders deep; hidden folders and node_modules are left out.
 * Sources are code and SQL only: data that Millrace itself writes there is no change.
 */
import { readdirSync, statSync } from 'node:fs';
import { dirname, extname, isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MillraceOptions } from '../config/options.js';
import { bundleModule } from '../config/read-file.js';
import { FUNCTION_PACKAGE } from '../transform/verbs/function.js';

/** Files by path, and what tells one state of a file from another. */
export type Versions = ReadonlyMap<string, string>;

/** What is looked at. */
export interface Watched {
  readonly files: ReadonlySet<string>;
  /** Folders of views and endpoints: a new SQL file in one counts. */
  readonly viewFolders: ReadonlySet<string>;
}

/** A change: the paths, and the versions that hold now. */
export interface Change {
  readonly paths: readonly string[];
  readonly versions: Versions;
}

/** How often files are looked at. A change counts when they have stayed the same for one round. */
const LOOK_MS = 200;
const SOURCES_MAX = 2_000;
const DEPTH_MAX = 5;
const SOURCE = /\.(sql|[cm]?[jt]s)$/;

/**
 * The configuration with what it imports, its views and endpoints, and its functions with what they import; nothing
 * from node_modules. Tenants and tables of `lookup` are not among them: those are taken up while running.
 */
export async function watchedFiles(file: string, { views, endpoints, transforms }: MillraceOptions): Promise<Watched> {
  const viewFiles = [...views, ...endpoints].map((view) => view.file).filter((path) => isAbsolute(path));
  const modules = transforms.flatMap(({ steps }) => steps.flatMap(moduleOf));
  const files = new Set([file, ...viewFiles, ...modules]);
  if (/^\.m?[jt]s$/.test(extname(file)))
    for (const path of (await bundleModule(file, 'index.js')).files) files.add(path);
  for (const module of new Set(modules))
    for (const path of (await bundleModule(module, FUNCTION_PACKAGE)).files) files.add(path);
  return { files, viewFolders: new Set(viewFiles.map(dirname)) };
}

function moduleOf(step: MillraceOptions['transforms'][number]['steps'][number]): string[] {
  if (step.verb === 'function' || step.verb === 'batchFunction') return [step.file];
  return step.verb === 'lambda' && 'file' in step.target ? [step.target.file] : [];
}

/** The versions of what is watched; with `root`, of all sources beneath it as well. */
export function versionsOf({ files, viewFolders }: Watched, root?: string): Map<string, string> {
  const paths = new Set(files);
  for (const folder of viewFolders)
    for (const name of namesIn(folder)) if (name.endsWith('.sql')) paths.add(join(folder, name));
  if (root !== undefined) addSources(root, paths, 0);
  return new Map(Array.from(paths, (path) => [path, versionOf(path)]));
}

/** Versions of the same paths, as `earlier` has them where it does: what changed since then counts. */
export function sinceThen(versions: Versions, earlier: Versions): Versions {
  return new Map(Array.from(versions, ([path, version]) => [path, earlier.get(path) ?? version]));
}

/** The next change of what `look` sees against `before`; null: `signal` came first. */
export async function nextChange(look: () => Versions, before: Versions, signal: AbortSignal): Promise<Change | null> {
  let last = before;
  while (await pause(signal)) {
    const versions = look();
    const paths = difference(before, versions);
    if (paths.length > 0 && difference(last, versions).length === 0) return { paths, versions };
    last = versions;
  }
  return null;
}

async function pause(signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(LOOK_MS, undefined, { signal });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

function difference(before: Versions, after: Versions): string[] {
  const paths = new Set([...before.keys(), ...after.keys()]);
  return Array.from(paths).filter((path) => before.get(path) !== after.get(path));
}

function versionOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? 'none' : `${stats.size} ${stats.mtimeMs} ${stats.ino}`;
}

function addSources(folder: string, paths: Set<string>, depth: number): void {
  for (const name of namesIn(folder)) {
    if (paths.size >= SOURCES_MAX) return;
    if (name.startsWith('.') || name === 'node_modules') continue;
    const path = join(folder, name);
    if (SOURCE.test(name)) paths.add(path);
    else if (depth < DEPTH_MAX && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
      addSources(path, paths, depth + 1);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // A folder that is gone or closed to us has no files; a view that is missing is a mistake of its own.
    return [];
  }
}
