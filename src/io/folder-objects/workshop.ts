/**
 * Where objects are made before they get their name. `store.ts` draws the files and says who removes
 * them and when.
 */
import { crc32c } from '@node-rs/crc32';
import type { Clock } from '../clock.js';
import type { Disk, DiskFile } from '../disk.js';
import type { ListedMultipart, MultipartUpload, UploadedPart } from '../objects.js';
import type { Random } from '../random.js';
import { MillraceError } from '../../util/errors.js';

/** What it works with. */
export interface WorkshopInput {
  readonly owner: string;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly strangerMs?: number;
}

const DAY_MS = 24 * 60 * 60_000;
const COPY_BYTES = 1024 * 1024;
const OWNER = /^[A-Za-z0-9_-]{1,64}$/;
const UPLOAD_ID = /^[A-Za-z0-9_-]{1,64}\.[0-9a-f]{24}$/;
const FILE = /^((?<owner>[A-Za-z0-9_-]{1,64})\.[0-9a-f]{24})\.(?<kind>put|upload|part-\d{1,5})$/;

/** The temporary files of a folder store. */
export class Workshop {
  readonly #folder: string;
  readonly #input: WorkshopInput;
  readonly #disk: Disk;

  /** Throws CONFIG_INVALID for an impossible owner. */
  constructor(folder: string, input: WorkshopInput) {
    if (!OWNER.test(input.owner))
      throw new MillraceError('CONFIG_INVALID', `expected an owner of 1 to 64 characters of A-Z a-z 0-9 - _`, {
        place: input.owner.slice(0, 80),
      });
    this.#folder = folder;
    this.#input = input;
    this.#disk = input.disk;
  }

  /** Removes what nobody will complete. */
  tidy(): void {
    const { owner, clock, strangerMs = DAY_MS } = this.#input;
    const uploads = new Set(this.uploads().map(({ uploadId }) => uploadId));
    for (const name of this.#disk.list(this.#folder)) {
      const found = FILE.exec(name);
      if (found === null) continue;
      const path = `${this.#folder}/${name}`;
      const old = (this.#disk.stat(path)?.modifiedMs ?? Infinity) < clock.now() - strangerMs;
      const abandoned = found.groups!['owner'] === owner && !uploads.has(found[1]!);
      if (old || abandoned) this.#disk.remove(path);
    }
  }

  /** Writes and syncs a file; answers its path. */
  async write(pieces: Iterable<Uint8Array>, signal?: AbortSignal): Promise<string> {
    const path = `${this.#folder}/${this.#newId()}.put`;
    await this.#fill(path, pieces, signal);
    return path;
  }

  async startUpload(key: string): Promise<MultipartUpload> {
    const uploadId = this.#newId();
    const text = JSON.stringify({ key, startedMs: this.#input.clock.now() });
    await this.#fill(this.#path(uploadId, 'upload'), [Buffer.from(text)]);
    return { key, uploadId };
  }

  /** All uploads, of every owner; one whose file can't be read is none. */
  uploads(): ListedMultipart[] {
    return this.#disk.list(this.#folder).flatMap((name) => {
      const found = FILE.exec(name);
      const upload = found?.groups!['kind'] === 'upload' ? this.#readUpload(found[1]!) : undefined;
      return upload === undefined ? [] : [upload];
    });
  }

  async writePart(
    { uploadId }: MultipartUpload,
    number: number,
    pieces: readonly Uint8Array[],
    signal?: AbortSignal,
  ): Promise<UploadedPart> {
    this.#mustBe(uploadId);
    if (!Number.isInteger(number) || number < 1 || number > 10_000)
      throw new MillraceError('STORE_REFUSED', 'a part has a number from 1 to 10,000', { place: String(number) });
    const path = this.#path(uploadId, `part-${number}`);
    // A try before may have left more than this one writes.
    this.#disk.remove(path);
    const { bytes, checksum } = await this.#fill(path, pieces, signal);
    return { number, etag: etagOf(bytes, checksum), bytes, checksum };
  }

  /** Joins parts into one synced file; answers its path. Refuses a part that is not what was uploaded. */
  async join(upload: MultipartUpload, parts: readonly UploadedPart[], signal?: AbortSignal): Promise<string> {
    this.#mustBe(upload.uploadId);
    if (parts.length === 0 || parts.some(({ number }, index) => number <= (parts[index - 1]?.number ?? 0)))
      throw new MillraceError('STORE_REFUSED', 'expected parts in rising order of their numbers', {
        place: upload.key,
      });
    return this.write(this.#joined(upload, parts), signal);
  }

  /** Removes an upload and its parts. */
  endUpload({ uploadId }: MultipartUpload): void {
    if (!UPLOAD_ID.test(uploadId)) return;
    // Parts first: parts without an upload would wait for the next opening.
    for (const name of this.#disk.list(this.#folder))
      if (name.startsWith(`${uploadId}.part-`)) this.#disk.remove(`${this.#folder}/${name}`);
    this.#disk.remove(this.#path(uploadId, 'upload'));
  }

  *#joined({ uploadId, key }: MultipartUpload, parts: readonly UploadedPart[]): Generator<Uint8Array> {
    for (const { number, etag } of parts) {
      const path = this.#path(uploadId, `part-${number}`);
      let checksum = 0;
      let position = 0;
      if (this.#disk.exists(path)) {
        const file = this.#disk.open(path, 'read');
        try {
          for (;;) {
            const bytes = new Uint8Array(COPY_BYTES);
            const read = file.readSync(bytes, 0, COPY_BYTES, position);
            if (read === 0) break;
            const piece = bytes.subarray(0, read);
            checksum = crc32c(piece, checksum);
            position += read;
            yield piece;
          }
        } finally {
          file.close();
        }
      }
      if (etag !== etagOf(position, checksum))
        throw new MillraceError('STORE_REFUSED', `part ${number} is not there, or not the one that was uploaded`, {
          place: key,
        });
    }
  }

  /** Writes and syncs a new file; a failed one is removed. */
  async #fill(
    path: string,
    pieces: Iterable<Uint8Array>,
    signal?: AbortSignal,
  ): Promise<{ bytes: number; checksum: number }> {
    const file = this.#disk.open(path, 'exclusive');
    let bytes = 0;
    let checksum = 0;
    try {
      for (const piece of pieces) {
        signal?.throwIfAborted();
        if (piece.length === 0) continue;
        await file.write(piece, bytes);
        checksum = crc32c(piece, checksum);
        bytes += piece.length;
      }
      await file.sync();
    } catch (error) {
      this.#discard(file, path);
      throw error;
    }
    file.close();
    return { bytes, checksum };
  }

  #discard(file: DiskFile, path: string): void {
    file.close();
    this.#disk.remove(path);
  }

  #readUpload(uploadId: string): ListedMultipart | undefined {
    const path = this.#path(uploadId, 'upload');
    if (!this.#disk.exists(path)) return undefined;
    const file = this.#disk.open(path, 'read');
    const bytes = Buffer.alloc(file.size());
    try {
      file.readSync(bytes, 0, bytes.length, 0);
    } finally {
      file.close();
    }
    try {
      const { key, startedMs } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
      return typeof key === 'string' && typeof startedMs === 'number' ? { key, uploadId, startedMs } : undefined;
    } catch {
      // Half-written when the process was killed: nobody knows its id.
      return undefined;
    }
  }

  #mustBe(uploadId: string): void {
    if (!UPLOAD_ID.test(uploadId) || !this.#disk.exists(this.#path(uploadId, 'upload')))
      throw new MillraceError('STORE_REFUSED', 'there is no such upload; it was completed or aborted', {
        place: uploadId.slice(0, 100),
      });
  }

  #path(uploadId: string, kind: string): string {
    return `${this.#folder}/${uploadId}.${kind}`;
  }

  #newId(): string {
    return `${this.#input.owner}.${Buffer.from(this.#input.random.fill(new Uint8Array(12))).toString('hex')}`;
  }
}

function etagOf(bytes: number, checksum: number): string {
  return `"${bytes.toString(16)}-${checksum.toString(16)}"`;
}
