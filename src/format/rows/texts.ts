/**
 * Values of a column that are text to JavaScript (strings, uuids, decimals), made by who reads a
 * row and still the same string object for who compares with it soon after.
 *
 * Texts are decoded in groups of `GROUP` rows, as one string that is cut up: three times faster
 * than one by one. A part keeps its whole group in memory, so whoever keeps one string of an event
 * keeps at most `GROUP_BYTES_MAX` bytes.
 *
 * Only the last `RING` rows that were read are kept: what is kept longer outlives the young
 * generation, and copying it there costs more than all the rest.
 */
import type { BytesColumn, IntegerColumn, UuidColumn } from '../../event/columns.js';
import { putUuid, putWideDecimal } from '../json/numbers.js';

const GROUP_BITS = 5;
const GROUP = 1 << GROUP_BITS;
/** Rows kept, a power of two. */
const RING = 512;
const GROUP_BYTES_MAX = 16 * 1024;

const decoder = new TextDecoder();

/** Where a group's ASCII is written: 32 uuids, or decimals. */
const scratch = Buffer.alloc(GROUP * 40);
const scratchView = new DataView(scratch.buffer, scratch.byteOffset, scratch.length);
const scratchEnds = new Uint32Array(GROUP + 1);

/** The texts of one column of one batch. */
export abstract class Texts {
  /** By row, modulo `RING`. */
  readonly texts: string[];
  /** Which group of rows is in each part of `texts`; -1 for none. */
  readonly groups = new Int32Array(RING / GROUP).fill(-1);
  readonly #rows: number;

  constructor(rows: number) {
    this.#rows = rows;
    this.texts = new Array<string>(Math.min(rows, RING)).fill('');
  }

  /** The text of a row. */
  at(row: number): string {
    const group = row >> GROUP_BITS;
    return this.groups[group & (RING / GROUP - 1)] === group ? this.texts[row & (RING - 1)]! : this.load(row);
  }

  /** Makes the text of a row, together with those around it. */
  load(row: number): string {
    const from = row - (row % GROUP);
    this.loadGroup(from, Math.min(from + GROUP, this.#rows));
    this.groups[(row >> GROUP_BITS) & (RING / GROUP - 1)] = row >> GROUP_BITS;
    return this.texts[row & (RING - 1)]!;
  }

  protected abstract loadGroup(from: number, to: number): void;

  protected put(row: number, text: string): void {
    this.texts[row & (RING - 1)] = text;
  }

  /** Cuts a group's text into rows: that of row `from + i` ends at `ends[first + i + 1] - ends[first]`. */
  protected cut(text: string, ends: Uint32Array, first: number, from: number, to: number): void {
    const start = ends[first]!;
    for (let row = from, i = first; row < to; row++, i++)
      this.put(row, text.substring(ends[i]! - start, ends[i + 1]! - start));
  }
}

/** An expression for the text of row `row`, over the names `texts`, `groups` and `load`. */
export const TEXT_EXPRESSION = `(groups[(row >> ${GROUP_BITS}) & ${RING / GROUP - 1}] === row >> ${GROUP_BITS} ? texts[row & ${RING - 1}] : load(row))`;

/** `string`, `json` and the texts of a full dictionary: UTF-8 as `TextDecoder` reads it. */
export class StringTexts extends Texts {
  readonly #offsets: Uint32Array;
  readonly #data: Buffer;
  readonly #view: DataView;

  constructor({ offsets, data }: BytesColumn, rows: number) {
    super(rows);
    this.#offsets = offsets;
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    this.#view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  }

  protected override loadGroup(from: number, to: number): void {
    const offsets = this.#offsets;
    const start = offsets[from]!;
    const end = offsets[to]!;
    if (end - start <= GROUP_BYTES_MAX && isAscii(this.#view, start, end))
      this.cut(this.#data.toString('latin1', start, end), offsets, from, from, to);
    else for (let row = from; row < to; row++) this.put(row, this.#decode(offsets[row]!, offsets[row + 1]!));
  }

  #decode(from: number, to: number): string {
    if (isAscii(this.#view, from, to)) return this.#data.toString('latin1', from, to);
    return decoder.decode(this.#data.subarray(from, to));
  }
}

/** `bytes`: base64. */
export class Base64Texts extends Texts {
  readonly #offsets: Uint32Array;
  readonly #data: Buffer;

  constructor({ offsets, data }: BytesColumn, rows: number) {
    super(rows);
    this.#offsets = offsets;
    this.#data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }

  protected override loadGroup(from: number, to: number): void {
    for (let row = from; row < to; row++)
      this.put(row, this.#data.toString('base64', this.#offsets[row]!, this.#offsets[row + 1]!));
  }
}

/** `uuid`. */
export class UuidTexts extends Texts {
  readonly #data: Uint8Array;

  constructor({ data }: UuidColumn, rows: number) {
    super(rows);
    this.#data = data;
  }

  protected override loadGroup(from: number, to: number): void {
    for (let row = from, at = 0; row < to; row++) {
      at = putUuid(scratchView, at, this.#data, row * 16);
      scratchEnds[row - from + 1] = at;
    }
    this.cut(scratch.toString('latin1', 0, (to - from) * 36), scratchEnds, 0, from, to);
  }
}

/** `decimal`. */
export class DecimalTexts extends Texts {
  readonly #column: IntegerColumn;

  constructor(column: IntegerColumn, rows: number) {
    super(rows);
    this.#column = column;
  }

  protected override loadGroup(from: number, to: number): void {
    let at = 0;
    for (let row = from; row < to; row++) {
      at = putWideDecimal(scratchView, at, this.#column, row);
      scratchEnds[row - from + 1] = at;
    }
    this.cut(scratch.toString('latin1', 0, at), scratchEnds, 0, from, to);
  }
}

/** Text `index` of a column of UTF-8, by itself. */
export function textAt({ data, offsets }: BytesColumn, index: number): string {
  return decoder.decode(data.subarray(offsets[index], offsets[index + 1]));
}

/** Whether no byte of `view[from .. to]` is beyond 127. */
function isAscii(view: DataView, from: number, to: number): boolean {
  let bits = 0;
  let i = from;
  for (; i + 4 <= to; i += 4) bits |= view.getInt32(i, true);
  for (; i < to; i++) bits |= view.getUint8(i);
  return (bits & (0x80808080 | 0)) === 0;
}
