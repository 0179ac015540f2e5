/**
 * A run that is open: its index in memory, its ids on disk.
 *
 * `mayHold` asks the filter, `holds` confirms against the full (scope, id) in the one bucket where
 * it would be. A bucket that fails its crc can't confirm anything: its ids then count as new, since
 * an event is never dropped on a guess, and `damaged` counts it.
 */
import { crc32c } from '@node-rs/crc32';
import type { Disk, DiskFile } from '../../io/disk.js';
import { MillraceError } from '../../util/errors.js';
import { BLOCK_WORDS, probeFilter } from './filter.js';
import type { Keys } from './keys.js';
import { bucketOf, decodeRunHeader, HEADER_BYTES, RECORD_HEAD, type RunHeader } from './run-format.js';

/** An open run. */
export class Run {
  readonly path: string;
  readonly name: string;
  readonly header: RunHeader;
  /** Buckets that failed their crc when they were read. */
  damaged = 0;

  readonly #file: DiskFile;
  readonly #starts: Uint32Array;
  readonly #filter: Uint32Array;
  #scratch = new Uint32Array(2048);

  /** Takes a file and an index that are known to be good; to open one from disk use `open`. */
  constructor(path: string, name: string, header: RunHeader, file: DiskFile, index: Uint32Array) {
    const buckets = 2 ** header.bucketBits;
    this.path = path;
    this.name = name;
    this.header = header;
    this.#file = file;
    this.#starts = index.subarray(0, buckets + 1);
    this.#filter = index.subarray(filterStart(buckets));
  }

  /** Opens a finished run. Throws DATA_FOLDER_DAMAGED when its header or index is. */
  static open(disk: Disk, folder: string, name: string): Run {
    const path = `${folder}/${name}`;
    const file = disk.open(path, 'read');
    try {
      const head = new Uint8Array(HEADER_BYTES);
      if (file.readSync(head, 0, HEADER_BYTES, 0) !== HEADER_BYTES)
        throw new MillraceError('DATA_FOLDER_DAMAGED', 'this run of event ids is cut short', { place: path });
      const header = decodeRunHeader(head, path);
      const index = new Uint32Array(indexWords(header));
      const bytes = new Uint8Array(index.buffer);
      const read = file.readSync(bytes, 0, bytes.length, HEADER_BYTES + header.dataWords * 4);
      if (read !== bytes.length || crc32c(bytes) !== header.indexCrc)
        throw new MillraceError('DATA_FOLDER_DAMAGED', 'the index of this run of event ids is damaged', {
          place: path,
        });
      return new Run(path, name, header, file, index);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get ids(): number {
    return this.header.ids;
  }

  /** Bytes in memory. */
  get residentBytes(): number {
    return this.#starts.byteLength + this.#filter.byteLength;
  }

  /** Which candidates' ids may be here; see `probeFilter`. */
  mayHold(keys: Keys, candidates: Uint32Array, count: number, hits: Uint32Array): number {
    return probeFilter(this.#filter, this.header.blocks, keys, candidates, count, hits);
  }

  /** Whether row `row`'s id is here, by its full bytes. One disk read. */
  holds(keys: Keys, row: number): boolean {
    const high = keys.high[row]!;
    const words = this.#readBucket(bucketOf(high, this.header.bucketBits));
    if (words === 0) return false;
    const bucket = this.#scratch;
    const low = keys.low[row]!;
    for (let at = 1; at < words; at += RECORD_HEAD + ((bucket[at + 3]! + 3) >> 2))
      if (bucket[at] === high && bucket[at + 1] === low && sameRecord(bucket, at, keys, row)) return true;
    return false;
  }

  /** Reads one bucket into the scratch; answers its words with the crc, 0 when it is empty or damaged. */
  #readBucket(bucket: number): number {
    const words = this.startOf(bucket + 1) - this.startOf(bucket);
    if (words === 0) return 0;
    if (this.#scratch.length < words) this.#scratch = new Uint32Array(words * 2);
    this.#readWords(bucket, words, this.#scratch);
    return this.isGood(this.#scratch, 0, words) ? words : 0;
  }

  /** Where a bucket starts, in words behind the header. */
  startOf(bucket: number): number {
    return this.#starts[bucket]!;
  }

  /** Reads whole buckets from `bucket` on, as many as fit into `target`; answers the one after the last. */
  readAhead(bucket: number, target: Uint32Array): number {
    const from = this.startOf(bucket);
    let last = bucket + 1;
    while (last < this.#starts.length - 1 && this.startOf(last + 1) - from <= target.length) last += 1;
    const bytes = new Uint8Array(target.buffer, target.byteOffset, (this.startOf(last) - from) * 4);
    if (this.#read(bytes, HEADER_BYTES + from * 4)) return last;
    // A bad sector takes its own bucket with it and no other.
    for (let one = bucket; one < last; one++)
      this.#readWords(one, this.startOf(one + 1) - this.startOf(one), target.subarray(this.startOf(one) - from));
    return last;
  }

  /** Whether the bucket in `words[start .. end]` is as it was written; counts it as damaged if not. */
  isGood(words: Uint32Array, start: number, end: number): boolean {
    const bytes = new Uint8Array(words.buffer, words.byteOffset + (start + 1) * 4, (end - start - 1) * 4);
    if (crc32c(bytes) === words[start]) return true;
    this.damaged += 1;
    return false;
  }

  /** What can't be read is zeros, which no bucket's crc allows: it must not refuse the same id for ever. */
  #readWords(bucket: number, count: number, target: Uint32Array): void {
    const bytes = new Uint8Array(target.buffer, target.byteOffset, count * 4);
    if (!this.#read(bytes, HEADER_BYTES + this.startOf(bucket) * 4)) bytes.fill(0);
  }

  #read(bytes: Uint8Array, position: number): boolean {
    try {
      return this.#file.readSync(bytes, 0, bytes.length, position) === bytes.length;
    } catch {
      return false;
    }
  }

  /** Closes the file. */
  close(): void {
    this.#file.close();
  }
}

/** Words of the starts, filled up so that the filter begins on a cache line. */
export function filterStart(buckets: number): number {
  return Math.ceil((buckets + 1) / BLOCK_WORDS) * BLOCK_WORDS;
}

/** Words of the whole index. */
export function indexWords(header: Pick<RunHeader, 'bucketBits' | 'blocks'>): number {
  return filterStart(2 ** header.bucketBits) + header.blocks * BLOCK_WORDS;
}

function sameRecord(bucket: Uint32Array, at: number, keys: Keys, row: number): boolean {
  if (bucket[at + 2] !== keys.scopes[row] || bucket[at + 3] !== keys.lengths[row]) return false;
  let word = at + RECORD_HEAD;
  for (let from = keys.starts[row]!; from < keys.starts[row + 1]!; from++, word++)
    if (bucket[word] !== keys.words[from]) return false;
  return true;
}
