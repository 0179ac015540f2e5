/**
 * Writes a run from records that come sorted by hash. See `run-format.ts` for the bytes.
 *
 * Whole buckets are collected in a buffer and written when it is full; the index grows in memory
 * and goes last, then the header. Nothing is readable under the final name before all is synced.
 */
import { crc32c } from '@node-rs/crc32';
import type { Disk, DiskFile } from '../../io/disk.js';
import { addToFilter, blocksFor } from './filter.js';
import { bucketBitsFor, bucketOf, encodeRunHeader, HEADER_BYTES, RECORD_HEAD, type RunHeader } from './run-format.js';
import { filterStart, indexWords, Run } from './run.js';

/** The buffer is written when it holds so many words. */
const BUFFER_WORDS = 64 * 1024;

/** What is known of a run before it is written. */
export interface RunPlan {
  readonly name: string;
  /** At most so many ids will come. */
  readonly ids: number;
  readonly hour: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** Writes one run. */
export class RunWriter {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #plan: RunPlan;
  readonly #file: DiskFile;
  readonly #bits: number;
  readonly #blocks: number;
  readonly #index: Uint32Array;
  readonly #filter: Uint32Array;
  #buffer = new Uint32Array(BUFFER_WORDS * 2);
  #end = 0;
  /** Where the open bucket starts in the buffer; its first word is the crc. */
  #open = 0;
  #bucket = -1;
  /** Words already on disk. */
  #written = 0;
  #ids = 0;

  constructor(disk: Disk, folder: string, plan: RunPlan) {
    this.#disk = disk;
    this.#folder = folder;
    this.#plan = plan;
    this.#bits = bucketBitsFor(plan.ids);
    this.#blocks = blocksFor(plan.ids);
    this.#index = new Uint32Array(indexWords({ bucketBits: this.#bits, blocks: this.#blocks }));
    this.#filter = this.#index.subarray(filterStart(2 ** this.#bits));
    if (disk.exists(this.#temporary)) disk.remove(this.#temporary);
    this.#file = disk.open(this.#temporary, 'exclusive');
  }

  get #temporary(): string {
    return `${this.#folder}/${this.#plan.name}.tmp`;
  }

  /** Whether `drain` should be awaited before the next `add`. */
  get full(): boolean {
    return this.#open >= BUFFER_WORDS;
  }

  /** Adds the record at `source[at]`: high, low, scope, length, id. */
  add(source: Uint32Array, at: number): void {
    const high = source[at]!;
    const bucket = bucketOf(high, this.#bits);
    if (bucket !== this.#bucket) this.#turnTo(bucket);
    const words = RECORD_HEAD + ((source[at + 3]! + 3) >> 2);
    if (this.#end + words > this.#buffer.length) this.#grow(words);
    for (let word = 0; word < words; word++) this.#buffer[this.#end + word] = source[at + word]!;
    this.#end += words;
    this.#ids += 1;
    addToFilter(this.#filter, this.#blocks, high, source[at + 1]!);
  }

  /** Writes the finished buckets out. */
  async drain(): Promise<void> {
    if (this.#open === 0) return;
    await this.#file.write(new Uint8Array(this.#buffer.buffer, 0, this.#open * 4), HEADER_BYTES + this.#written * 4);
    this.#buffer.copyWithin(0, this.#open, this.#end);
    this.#written += this.#open;
    this.#end -= this.#open;
    this.#open = 0;
  }

  /** Writes the rest, syncs, gives the run its name and opens it. */
  async finish(): Promise<Run> {
    this.#turnTo(2 ** this.#bits);
    await this.drain();
    const index = new Uint8Array(this.#index.buffer);
    const header: RunHeader = {
      bucketBits: this.#bits,
      blocks: this.#blocks,
      hour: this.#plan.hour,
      ids: this.#ids,
      firstMs: this.#plan.firstMs,
      lastMs: this.#plan.lastMs,
      dataWords: this.#written,
      indexCrc: crc32c(index),
    };
    await this.#file.write(index, HEADER_BYTES + this.#written * 4);
    await this.#file.write(encodeRunHeader(header), 0);
    await this.#file.sync();
    this.#file.close();
    this.#disk.rename(this.#temporary, `${this.#folder}/${this.#plan.name}`);
    await this.#disk.syncDirectoryLater(this.#folder);
    const path = `${this.#folder}/${this.#plan.name}`;
    return new Run(path, this.#plan.name, header, this.#disk.open(path, 'read'), this.#index);
  }

  /** Gives up: closes and removes the temporary file. */
  discard(): void {
    this.#file.close();
    if (this.#disk.exists(this.#temporary)) this.#disk.remove(this.#temporary);
  }

  /** Seals the open bucket and notes where those up to `bucket` start. */
  #turnTo(bucket: number): void {
    if (this.#end > this.#open) {
      const from = (this.#open + 1) * 4;
      this.#buffer[this.#open] = crc32c(new Uint8Array(this.#buffer.buffer, from, this.#end * 4 - from));
      this.#open = this.#end;
    }
    for (let empty = this.#bucket + 1; empty <= bucket; empty++) this.#index[empty] = this.#written + this.#open;
    this.#bucket = bucket;
    if (this.#open + 1 > this.#buffer.length) this.#grow(1);
    if (bucket < 2 ** this.#bits) this.#end = this.#open + 1;
  }

  #grow(words: number): void {
    const larger = new Uint32Array((this.#buffer.length + words) * 2);
    larger.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = larger;
  }
}
