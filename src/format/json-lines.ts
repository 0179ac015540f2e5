/**
 * Rows as lines of JSON, straight from columns to bytes: what deliveries of text are made of.
 *
 * A line is one object with the values of `event/rows.ts`: decimals as strings, times as ms, int64
 * beyond 2^53 as strings, bytes as base64. Text that is no UTF-8 comes out as `TextDecoder` reads
 * it, so a line is always valid JSON and valid UTF-8.
 *
 * Limits: few generated functions a schema (`shapes.ts`); `bytesMax` bytes of lines a call. Escaped dictionary entries are kept as long as their dictionary (`entries.ts`).
 */
import { sliceRows, type RowSlice } from '../event/batch.js';
import type { Schema } from '../event/schema.js';
import { bindColumns } from './json/bind.js';
import { lineKernel, type LineKernel, type LineOptions } from './json/kernel.js';
import { LineTarget } from './target.js';
import { KernelCache, shapesOf } from './shapes.js';

/** How lines look. */
export interface JsonLinesOptions {
  /** `ms` since 1970 as a number, or `iso` 8601 text with ms. Default `ms`. */
  readonly timestamps?: 'ms' | 'iso';
  /** Whether a null's column is left out or says `null`. Default `omit`. */
  readonly nulls?: 'omit' | 'keep';
  /** Most bytes of one call. Default 1 GiB. */
  readonly bytesMax?: number;
}

/** Rows as bytes. */
export interface EncodedRows {
  /** All rows, one after the other. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** Row i, its line break included, is `data[offsets[i] .. offsets[i + 1]]`; one more than there are rows. */
  readonly offsets: Uint32Array;
}

/** Most bytes that are taken before it is known that they are needed. */
const FIRST_BYTES_MAX = 32 * 1024 * 1024;

/** Writes the rows of one schema. */
export class JsonLines {
  readonly #schema: Schema;
  readonly #options: LineOptions;
  readonly #target: LineTarget;
  readonly #kernels = new KernelCache<LineKernel>();
  #bytesPerRow = 512;

  constructor(schema: Schema, options: JsonLinesOptions = {}) {
    this.#schema = schema;
    this.#options = { isoTimes: options.timestamps === 'iso', keepNulls: options.nulls === 'keep' };
    this.#target = new LineTarget(options.bytesMax ?? 2 ** 30);
  }

  /** The slice's rows, in its order; its batch is of the schema. Throws BATCH_TOO_LARGE beyond `bytesMax`. */
  encode(slice: RowSlice): EncodedRows {
    const { batch, rows } = slice;
    const count = sliceRows(slice);
    const shapes = shapesOf(batch);
    const kernel = this.#kernels.get(shapes.join(''), () => lineKernel(this.#schema, shapes, this.#options));
    const offsets = new Uint32Array(count + 1);
    this.#target.start(Math.min(Math.ceil(count * this.#bytesPerRow * 1.1) + 4096, FIRST_BYTES_MAX));
    const end = kernel(bindColumns(batch, this.#options), rows, count, this.#target, offsets);
    if (count > 0) this.#bytesPerRow = end / count;
    return { data: this.#target.take(end), offsets };
  }
}
