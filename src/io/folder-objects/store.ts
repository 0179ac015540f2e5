/**
 * An object store in a folder: object `a/b` is the file `<root>/a/b`.
 *
 * Purpose. What S3 is at scale, for one machine, and files that any other tool can read.
 *
 * Layout.
 * ```
 * <root>/a/b                                   objects
 * <root>/.millrace-tmp/<owner>.<random>.put    an object that is being written
 *                      <owner>.<random>.upload an upload in parts: its key and start, JSON
 *                      <owner>.<random>.part-7 its parts
 * ```
 * Invariants. An object comes to its name whole: written beside, synced, renamed, and the folder synced,
 * with every folder that was made for it. A put that finds the object there syncs the folder too, since
 * the one that wrote it may have been killed before it could.
 *
 * Recovery. Only one store at a time works as one `owner`, so at opening its `.put` files are left from
 * a killed process and go, as do parts without an upload. Uploads stay, as on S3, until `listMultiparts`
 * finds them and they are aborted. Another owner's files are left alone for `strangerMs`.
 *
 * Limits. Keys obey `checkKey`, so none leaves the folder; symbolic links below the root are followed:
 * who may make them may write there anyway. A key can't be both a file and a folder. No headers are kept.
 */
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock.js';
import type { Disk, DiskFile } from '../disk.js';
import {
  checkKey,
  piecesOf,
  RESERVED_SEGMENT,
  type CallOptions,
  type ListedMultipart,
  type ListedObject,
  type MultipartUpload,
  type ObjectBody,
  type ObjectHeaders,
  type ObjectInfo,
  type ObjectStore,
  type OpenObject,
  type PutOptions,
  type PutResult,
  type UploadedPart,
} from '../objects.js';
import type { Random } from '../random.js';
import { MillraceError } from '../../util/errors.js';
import { asStoreError } from './errors.js';
import { infoOf, walk } from './walk.js';
import { Workshop } from './workshop.js';

/** What the store is made with. */
export interface FolderStoreInput {
  /** Absolute; made when it is not there. */
  readonly root: string;
  /** Who works here: no other open store of this folder has the same. A-Z a-z 0-9 - _ */
  readonly owner: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  /** Files of other owners go when they are older. Default a day. */
  readonly strangerMs?: number;
}

const READ_BYTES = 256 * 1024;
/** Folders remembered as durable; at the bound all are looked at again. */
const FOLDERS_MAX = 10_000;
/** Objects a turn of the event loop, in lists. */
const LIST_AT_ONCE = 256;

/** Opens the store of a folder, and removes what a killed process of the same owner left half-written. */
export function openFolderStore(input: FolderStoreInput): ObjectStore {
  return asStoreError(input.root, () => {
    const { root, disk } = input;
    makeRoot(disk, root);
    const workshop = new Workshop(`${root}/${RESERVED_SEGMENT}`, input);
    workshop.tidy();
    return new FolderStore(root, disk, workshop);
  });
}

/** Makes root and workshop, durable with every folder above that was missing. */
function makeRoot(disk: Disk, root: string): void {
  const above = [dirname(root)];
  for (let at = dirname(root); disk.stat(at) === undefined && at !== dirname(at); at = dirname(at))
    above.push(dirname(at));
  disk.makeFolder(`${root}/${RESERVED_SEGMENT}`);
  for (const folder of [...above.toReversed(), root]) disk.syncDirectory(folder);
}

class FolderStore implements ObjectStore {
  readonly name: string;
  readonly #root: string;
  readonly #disk: Disk;
  readonly #workshop: Workshop;
  /** Folders that are durable with all above them. */
  readonly #durable = new Set<string>();
  #closed = false;

  constructor(root: string, disk: Disk, workshop: Workshop) {
    this.name = root;
    this.#root = root;
    this.#disk = disk;
    this.#workshop = workshop;
  }

  put(key: string, body: ObjectBody, { ifNoneMatch = false, signal }: PutOptions): Promise<PutResult> {
    return this.#call(key, signal, async (path) => {
      // Saves the writing; what decides is the rename.
      if (ifNoneMatch && this.#isFile(path)) return this.#there(path);
      return this.#place(path, await this.#workshop.write(piecesOf(body), signal), ifNoneMatch);
    });
  }

  get(key: string, { signal }: CallOptions = {}): Promise<OpenObject | undefined> {
    return this.#call(key, signal, async (path) => {
      const stat = this.#disk.stat(path);
      if (stat === undefined || stat.folder) return undefined;
      return { info: infoOf(key, stat), body: this.#read(this.#disk.open(path, 'read'), path, signal) };
    });
  }

  head(key: string, { signal }: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#call(key, signal, async (path) => {
      const stat = this.#disk.stat(path);
      return stat === undefined || stat.folder ? undefined : infoOf(key, stat);
    });
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncIterable<ListedObject> {
    let count = 0;
    const objects = walk(this.#disk, this.#root, prefix);
    for (;;) {
      signal?.throwIfAborted();
      const next = asStoreError(this.#root, () => objects.next());
      if (next.done === true) return;
      yield next.value;
      if (++count % LIST_AT_ONCE === 0) await setImmediate();
    }
  }

  delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    return this.#call(key, signal, async (path) => {
      if (!this.#isFile(path)) return;
      this.#disk.remove(path);
      await this.#disk.syncDirectoryLater(dirname(path));
    });
  }

  createMultipart(key: string, { signal }: ObjectHeaders & CallOptions): Promise<MultipartUpload> {
    return this.#call(key, signal, () => this.#workshop.startUpload(key));
  }

  uploadPart(
    upload: MultipartUpload,
    number: number,
    body: ObjectBody,
    { signal }: CallOptions = {},
  ): Promise<UploadedPart> {
    return this.#call(upload.key, signal, () => this.#workshop.writePart(upload, number, piecesOf(body), signal));
  }

  completeMultipart(
    upload: MultipartUpload,
    parts: readonly UploadedPart[],
    { ifNoneMatch = false, signal }: CallOptions & Pick<PutOptions, 'ifNoneMatch'> = {},
  ): Promise<PutResult> {
    return this.#call(upload.key, signal, async (path) => {
      const result = await this.#place(path, await this.#workshop.join(upload, parts, signal), ifNoneMatch);
      this.#workshop.endUpload(upload);
      return result;
    });
  }

  abortMultipart(upload: MultipartUpload, { signal }: CallOptions = {}): Promise<void> {
    return this.#call(upload.key, signal, async () => this.#workshop.endUpload(upload));
  }

  async *listMultiparts(prefix: string, { signal }: CallOptions = {}): AsyncIterable<ListedMultipart> {
    signal?.throwIfAborted();
    yield* asStoreError(this.#root, () => this.#workshop.uploads().filter(({ key }) => key.startsWith(prefix)));
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  async #call<T>(key: string, signal: AbortSignal | undefined, run: (path: string) => Promise<T>): Promise<T> {
    checkKey(key);
    signal?.throwIfAborted();
    const path = `${this.#root}/${key}`;
    return asStoreError(path, () => {
      if (this.#closed) throw new Error('this store is closed');
      return run(path);
    });
  }

  /** Gives a synced temporary file its name, durably. */
  async #place(path: string, temporary: string, ifNoneMatch: boolean): Promise<PutResult> {
    try {
      await this.#makeFolder(dirname(path));
      if (!ifNoneMatch) this.#disk.rename(temporary, path);
      else if (!this.#disk.renameNew(temporary, path)) {
        if (!this.#isFile(path))
          throw new MillraceError('STORE_KEY_INVALID', 'a folder has this name', { place: path });
        this.#disk.remove(temporary);
        return await this.#there(path);
      }
    } catch (error) {
      // Somebody may have removed a folder: look again next time.
      this.#durable.clear();
      this.#disk.remove(temporary);
      throw error;
    }
    await this.#disk.syncDirectoryLater(dirname(path));
    return { etag: infoOf('', this.#disk.stat(path)!).etag, alreadyThere: false };
  }

  async #there(path: string): Promise<PutResult> {
    await this.#disk.syncDirectoryLater(dirname(path));
    return { etag: '', alreadyThere: true };
  }

  /**
   * Makes a folder and those above it durable. That it is there is no proof: another put may have made
   * it this moment, or a process that was killed before it could sync.
   */
  async #makeFolder(folder: string): Promise<void> {
    const unknown: string[] = [];
    for (let at = folder; at !== this.#root && !this.#durable.has(at); at = dirname(at)) unknown.push(at);
    if (unknown.length === 0) return;
    this.#disk.makeFolder(folder);
    for (const one of unknown.toReversed()) await this.#disk.syncDirectoryLater(dirname(one));
    if (this.#durable.size + unknown.length > FOLDERS_MAX) this.#durable.clear();
    for (const one of unknown) this.#durable.add(one);
  }

  async *#read(file: DiskFile, path: string, signal: AbortSignal | undefined): AsyncIterable<Uint8Array> {
    try {
      for (let position = 0; ;) {
        signal?.throwIfAborted();
        const bytes = new Uint8Array(READ_BYTES);
        const read = asStoreError(path, () => file.readSync(bytes, 0, READ_BYTES, position));
        if (read === 0) return;
        position += read;
        yield bytes.subarray(0, read);
        await setImmediate();
      }
    } finally {
      file.close();
    }
  }

  #isFile(path: string): boolean {
    return this.#disk.stat(path)?.folder === false;
  }
}
