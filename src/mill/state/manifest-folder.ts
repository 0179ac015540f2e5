/**
 * A folder of files that never change once written, and a manifest that says which of them count.
 *
 * The manifest is written beside, synced, renamed, and the folder synced; only then are files that it does
 * not name removed. A manifest that does not parse, names another plan or format, or a file whose crc does
 * not fit: the folder holds nothing.
 */
import { join } from 'node:path';
import { crc32c } from '../../event/batch.js';
import type { Disk } from '../../io/disk.js';

const MANIFEST = 'manifest.json';

/** A file that a manifest names. */
export interface FileEntry {
  readonly file: string;
  readonly crc: number;
}

/** What every manifest has. */
export interface ManifestHead {
  readonly format: number;
  readonly plan: string;
  /** Number of the next file: names never come again. */
  readonly next: number;
}

/** Files and their manifest. */
export class ManifestFolder<Content extends object> {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #head: Pick<ManifestHead, 'format' | 'plan'>;
  #next = 1;

  constructor(disk: Disk, folder: string, head: Pick<ManifestHead, 'format' | 'plan'>) {
    this.#disk = disk;
    this.#folder = folder;
    this.#head = head;
    disk.makeFolder(folder);
  }

  /** What the standing manifest says; undefined where there is none that fits. */
  readManifest(): Content | undefined {
    const path = join(this.#folder, MANIFEST);
    if (!this.#disk.exists(path)) return undefined;
    let manifest: ManifestHead & Content;
    try {
      manifest = JSON.parse(Buffer.from(readWhole(this.#disk, path)).toString()) as ManifestHead & Content;
    } catch {
      return undefined; // The view replays from the stream's start, as the prose above says.
    }
    // File names never come again, whatever the plan was.
    this.#next = Math.max(this.#next, manifest.next ?? 1);
    return manifest.format === this.#head.format && manifest.plan === this.#head.plan ? manifest : undefined;
  }

  /** A file's bytes; undefined where it is gone or damaged. */
  readFile(entry: FileEntry): Uint8Array | undefined {
    const path = join(this.#folder, entry.file);
    if (!this.#disk.exists(path)) return undefined;
    const bytes = readWhole(this.#disk, path);
    return crc32c(bytes, 0, bytes.length) === entry.crc ? bytes : undefined;
  }

  /** Writes a new file; on disk when it resolves. */
  async put(kind: string, bytes: Uint8Array): Promise<FileEntry> {
    const entry = { file: `${kind}-${this.#next++}`, crc: crc32c(bytes, 0, bytes.length) };
    await this.#write(join(this.#folder, entry.file), bytes);
    return entry;
  }

  /** Replaces the manifest, and removes the files that are not `kept`. */
  async replace(content: Content, kept: (file: string) => boolean): Promise<void> {
    const path = join(this.#folder, MANIFEST);
    const beside = `${path}.new`;
    if (this.#disk.exists(beside)) this.#disk.remove(beside);
    const manifest: ManifestHead & Content = { ...this.#head, next: this.#next, ...content };
    await this.#write(beside, Buffer.from(JSON.stringify(manifest)));
    this.#disk.syncDirectory(this.#folder);
    this.#disk.rename(beside, path);
    this.#disk.syncDirectory(this.#folder);
    for (const file of this.#disk.list(this.#folder))
      if (file !== MANIFEST && !kept(file)) this.#disk.remove(join(this.#folder, file));
  }

  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const file = this.#disk.open(path, 'create');
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      file.close();
    }
  }
}

function readWhole(disk: Disk, path: string): Uint8Array {
  const file = disk.open(path, 'read');
  try {
    const bytes = new Uint8Array(file.size());
    for (let at = 0; at < bytes.length;) {
      const read = file.readSync(bytes, at, bytes.length - at, at);
      if (read === 0) return bytes.subarray(0, at);
      at += read;
    }
    return bytes;
  } finally {
    file.close();
  }
}
