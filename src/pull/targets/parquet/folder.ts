/**
 * A folder that is pulled into: owned by one process, and shared by all pulls in it.
 *
 * `<folder>/<table>/<tenant>/manifest.json` and beside it the files that it names. `<folder>/.lock` says whose
 * it is. Moves of one table and tenant follow each other.
 *
 * A file that was replaced is removed `KEPT_MS` later: whoever read the manifest just before finds what it
 * named. At most `REPLACED_MAX` wait for it. After a crash the next start removes them.
 */
import { join, resolve } from 'node:path';
import type { Clock } from '../../../io/clock.js';
import type { Disk } from '../../../io/disk.js';
import { MillraceError } from '../../../util/errors.js';

/** How long a replaced file stays. */
const KEPT_MS = 10_000;
const REPLACED_MAX = 10_000;

/** What a folder is used with. */
export interface FolderInput {
  readonly path: string;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Takes a folder for this process; answers the release. Throws DATA_FOLDER_IN_USE. */
  readonly lock: (folder: string) => Promise<() => void>;
}

const shared = new WeakMap<Disk, Map<string, PullFolder>>();

/** The folder at a path, the same for all who ask; each must `leave`. */
export function shareFolder(input: FolderInput): PullFolder {
  const path = resolve(input.path);
  let folders = shared.get(input.disk);
  if (folders === undefined) shared.set(input.disk, (folders = new Map()));
  let folder = folders.get(path);
  if (folder === undefined)
    folders.set(path, (folder = new PullFolder({ ...input, path }, () => folders.delete(path))));
  folder.users++;
  return folder;
}

/** One folder. */
export class PullFolder {
  readonly path: string;
  readonly disk: Disk;
  readonly clock: Clock;
  /** How many share it. */
  users = 0;
  readonly #lock: FolderInput['lock'];
  readonly #onEnd: () => void;
  #owned: Promise<() => void> | null = null;
  readonly #queues = new Map<string, Promise<unknown>>();
  readonly #replaced = new Map<string, () => void>();

  constructor({ path, disk, clock, lock }: FolderInput, onEnd: () => void) {
    this.path = path;
    this.disk = disk;
    this.clock = clock;
    this.#lock = lock;
    this.#onEnd = onEnd;
  }

  /** Makes this process its owner, if it is not. Throws DATA_FOLDER_IN_USE. */
  async own(): Promise<void> {
    this.#owned ??= this.#lock(join(this.path, '.lock'));
    try {
      await this.#owned;
    } catch (error) {
      this.#owned = null;
      if (!(error instanceof MillraceError) || error.code !== 'DATA_FOLDER_IN_USE') throw error;
      const advice = 'one worker writes into a folder; stop the other, or name another folder with --into';
      throw new MillraceError('DATA_FOLDER_IN_USE', `${this.path} is in use: ${advice}`, {
        place: this.path,
        cause: error,
      });
    }
  }

  /** Where a tenant's part of a table is. */
  part(table: string, tenant: string): string {
    return join(this.path, fileName(table), fileName(tenant));
  }

  /** Where a tenant has parts of tables. */
  parts(tenant: string): string[] {
    const { disk, path } = this;
    if (disk.stat(path) === undefined) return [];
    const tables = disk.list(path).filter((name) => !name.startsWith('.'));
    return tables.map((name) => join(path, name, fileName(tenant)));
  }

  /** Makes a folder and those above it; they are on disk when it returns. */
  make(part: string): void {
    this.disk.makeFolder(part);
    for (const folder of [join(part, '..'), this.path]) this.disk.syncDirectory(folder);
  }

  /** Does `work` when what came before in `part` is done. */
  alone<T>(part: string, work: () => Promise<T>): Promise<T> {
    const next = (this.#queues.get(part) ?? Promise.resolve()).then(work);
    // The one who asked sees the error.
    const settled = next.catch(() => undefined);
    this.#queues.set(part, settled);
    return next;
  }

  /** Removes files in a while. */
  replace(paths: Iterable<string>): void {
    for (const path of paths) {
      this.#replaced.set(
        path,
        this.clock.after(KEPT_MS, () => this.#remove(path)),
      );
    }
    for (const path of this.#replaced.keys()) {
      if (this.#replaced.size <= REPLACED_MAX) return;
      this.#remove(path);
    }
  }

  /** Whether a file waits for being removed. */
  isReplaced(path: string): boolean {
    return this.#replaced.has(path);
  }

  /** Ends one use; the last gives the folder back. */
  async leave(): Promise<void> {
    this.users--;
    await Promise.all(this.#queues.values());
    // One that could not be taken needs no release.
    const release = await this.#owned?.catch(() => undefined);
    // Meanwhile another may have come.
    if (this.users > 0) return;
    for (const path of this.#replaced.keys()) this.#remove(path);
    this.#owned = null;
    release?.();
    this.#onEnd();
  }

  #remove(path: string): void {
    this.#replaced.get(path)?.();
    this.#replaced.delete(path);
    try {
      this.disk.remove(path);
    } catch {
      // Open elsewhere, or the folder is gone: the next start sweeps it.
    }
  }
}

/** A name as that of a file: letters, digits, `-`, `_` and `.` stay, all else is `%` and hexadecimal. */
export function fileName(name: string): string {
  return [...Buffer.from(name)]
    .map((byte, index) => {
      const letter = String.fromCharCode(byte);
      const isPlain = /[A-Za-z0-9_-]/.test(letter) || (letter === '.' && index > 0);
      return isPlain ? letter : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}
