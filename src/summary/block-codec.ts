/**
 * A block: at most 128 rows of one tenant, as bytes.
 *
 *   u8 version · u8 rows · ids frame · windows frame · marks (rows bytes) · column*
 *   a column:  u8 nulls (0 none, 1 bitmap follows: (rows + 7) >> 3 bytes) · its values
 *     integer: a frame
 *     double:  u8 form · 0: rows × f64 · 1 + d: a frame of value × 10^d (d 0 … 6)
 *     text:    u8 entries · entries × (u16 length, bytes) · rows × u8 code; 0 is null, else entry + 1;
 *              a length of 65,535 or more is 65,535 and then u32
 *   a frame:   i64 base · u8 width (0, 1, 2, 4, 8) · rows × unsigned distance from the base
 *
 * The tenant is in the key. Columns are those of the layout, in its order. Rows are in the order of
 * their ids.
 */
import { MillraceError } from '../util/errors.js';
import { ByteReader, ByteWriter } from './bytes.js';
import type { RowLayout } from './layout.js';
import {
  bigintAt,
  numberAt,
  storeOf,
  type ColumnStore,
  type DoubleStore,
  type IntegerStore,
  type RowSet,
  type TextSource,
  type TextStore,
} from './row-set.js';

/** Most rows of a block. */
export const BLOCK_ROWS = 128;

const VERSION = 1;
const SCALES = [0, 2, 4, 6] as const;
const decoder = new TextDecoder();
const writer = new ByteWriter();
/** Numbers of one column on their way into a block. */
const scratch = new Float64Array(BLOCK_ROWS);

/** A row of any row set. */
export interface RowRef {
  readonly rows: RowSet;
  readonly row: number;
  readonly id: number;
}

/** Encodes rows of one tenant; `refs` are in the order of their ids, at most `BLOCK_ROWS`. */
export function encodeBlock(layout: RowLayout, refs: readonly RowRef[]): Uint8Array<ArrayBuffer> {
  const count = refs.length;
  writer.clear();
  writer.byte(VERSION);
  writer.byte(count);
  for (let i = 0; i < count; i++) scratch[i] = refs[i]!.id;
  writeFrame(count);
  for (let i = 0; i < count; i++) scratch[i] = refs[i]!.rows.windows[refs[i]!.row]!;
  writeFrame(count);
  for (const { rows, row } of refs) writer.byte(rows.marks[row]!);
  layout.columns.forEach(({ kind }, column) => {
    if (kind === 'text') return writeTexts(refs, column);
    writeNulls(refs, column);
    if (kind === 'integer') writeIntegers(refs, column);
    else writeDoubles(refs, column);
  });
  return writer.copy();
}

/** The rows of a block of `tenant`. Throws DATA_FOLDER_DAMAGED or DATA_FOLDER_NEWER. */
export function decodeBlock(layout: RowLayout, tenant: Uint8Array, bytes: Uint8Array): RowSet {
  const reader = new ByteReader(bytes);
  const version = reader.byte();
  if (version !== VERSION)
    throw new MillraceError(
      'DATA_FOLDER_NEWER',
      `a block of view ${layout.view.name} has format ${version}; this release reads ${VERSION}`,
    );
  const rows = reader.byte();
  const pool = new BlockTexts(tenant.slice());
  const ids = readNumbers(reader, rows);
  const windows = readNumbers(reader, rows);
  const marks = reader.bytes(rows).slice();
  const columns = layout.columns.map(({ kind }): ColumnStore => {
    const store = storeOf(kind, rows);
    if (store.kind === 'text') readTexts(reader, rows, store, pool);
    else {
      readNulls(reader, rows, store.nulls);
      if (store.kind === 'integer') readFrame(reader, rows, store.words);
      else readDoubles(reader, rows, store);
    }
    return store;
  });
  return { layout, rows, pool, tenants: new Int32Array(rows).fill(1), ids, windows, marks, columns };
}

/** The texts of one block: codes count from 1, the tenant first. */
class BlockTexts implements TextSource {
  readonly #entries: Uint8Array[];

  constructor(tenant: Uint8Array) {
    this.#entries = [tenant];
  }

  /** Adds an entry; answers its code. */
  add(bytes: Uint8Array): number {
    return this.#entries.push(bytes);
  }

  bytesOf(code: number): Uint8Array {
    return this.#entries[code - 1]!;
  }

  stringOf(code: number): string {
    return decoder.decode(this.#entries[code - 1]!);
  }
}

/** A frame of `scratch`. Values that doubles hold exactly, nearly all of them, need no bigint. */
function writeFrame(count: number): void {
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < count; i++) {
    const value = scratch[i]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const span = max - min;
  if (span > 0xffffffff) return writeWideFrame(Array.from(scratch.subarray(0, count), BigInt));
  const width = span === 0 ? 0 : span < 256 ? 1 : span < 65_536 ? 2 : 4;
  writer.bigint(BigInt(min));
  writer.byte(width);
  if (width === 1) for (let i = 0; i < count; i++) writer.byte(scratch[i]! - min);
  else if (width === 2) for (let i = 0; i < count; i++) writer.uint16(scratch[i]! - min);
  else if (width === 4) for (let i = 0; i < count; i++) writer.uint32(scratch[i]! - min);
}

/** A span beyond 63 bits wraps, and wraps back when it is read. */
function writeWideFrame(values: readonly bigint[]): void {
  let min = values[0]!;
  for (const value of values) if (value < min) min = value;
  writer.bigint(min);
  writer.byte(8);
  for (const value of values) writer.bigint(BigInt.asIntN(64, value - min));
}

/** A frame's values as word pairs, low then high. */
function readFrame(reader: ByteReader, rows: number, words: Int32Array): void {
  const base = reader.bigint();
  const width = reader.byte();
  const low = Number(BigInt.asUintN(32, base));
  const high = Number(BigInt.asIntN(32, base >> 32n));
  for (let row = 0; row < rows; row++) {
    let deltaLow = 0;
    let deltaHigh = 0;
    if (width === 8) {
      deltaLow = reader.uint32();
      deltaHigh = reader.uint32();
    } else if (width !== 0) deltaLow = width === 1 ? reader.byte() : width === 2 ? reader.uint16() : reader.uint32();
    const sum = low + deltaLow;
    words[row * 2] = sum;
    words[row * 2 + 1] = high + deltaHigh + (sum > 0xffffffff ? 1 : 0);
  }
}

function readNumbers(reader: ByteReader, rows: number): Float64Array {
  const words = new Int32Array(rows * 2);
  readFrame(reader, rows, words);
  const values = new Float64Array(rows);
  for (let row = 0; row < rows; row++) values[row] = words[row * 2 + 1]! * 4294967296 + (words[row * 2]! >>> 0);
  return values;
}

function writeIntegers(refs: readonly RowRef[], column: number): void {
  for (let i = 0; i < refs.length; i++) {
    const { rows, row } = refs[i]!;
    const value = numberAt(rows.columns[column] as IntegerStore, row);
    if (!Number.isSafeInteger(value))
      return writeWideFrame(refs.map((ref) => bigintAt(ref.rows.columns[column] as IntegerStore, ref.row)));
    scratch[i] = value;
  }
  writeFrame(refs.length);
}

function writeNulls(refs: readonly RowRef[], column: number): void {
  const isNull = ({ rows, row }: RowRef) => (rows.columns[column] as IntegerStore | DoubleStore).nulls[row] === 1;
  if (!refs.some(isNull)) return writer.byte(0);
  writer.byte(1);
  const bits = new Uint8Array((refs.length + 7) >> 3);
  refs.forEach((ref, index) => {
    if (isNull(ref)) bits[index >> 3]! |= 1 << (index & 7);
  });
  writer.bytes(bits);
}

function readNulls(reader: ByteReader, rows: number, nulls: Uint8Array): void {
  if (reader.byte() === 0) return;
  const bits = reader.bytes((rows + 7) >> 3);
  for (let row = 0; row < rows; row++) nulls[row] = (bits[row >> 3]! >> (row & 7)) & 1;
}

/** Doubles that are decimals with few digits are stored as integers, exactly or not at all. */
function writeDoubles(refs: readonly RowRef[], column: number): void {
  const value = (i: number): number => (refs[i]!.rows.columns[column] as DoubleStore).values[refs[i]!.row]!;
  for (const scale of SCALES) {
    if (!scaleInto(scale, refs.length, value)) continue;
    writer.byte(1 + scale);
    return writeFrame(refs.length);
  }
  writer.byte(0);
  for (let i = 0; i < refs.length; i++) writer.double(value(i));
}

/** Fills `scratch` with value × 10^scale; false when one would not come back the same. */
function scaleInto(scale: number, count: number, value: (i: number) => number): boolean {
  const factor = 10 ** scale;
  for (let i = 0; i < count; i++) {
    const scaled = Math.round(value(i) * factor);
    // NaN, infinities and -0 fail here, and are kept as they are.
    if (!Number.isSafeInteger(scaled) || Object.is(scaled, -0) || scaled / factor !== value(i)) return false;
    scratch[i] = scaled;
  }
  return true;
}

function readDoubles(reader: ByteReader, rows: number, store: DoubleStore): void {
  const form = reader.byte();
  if (form === 0) {
    for (let row = 0; row < rows; row++) store.values[row] = reader.double();
    return;
  }
  const factor = 10 ** (form - 1);
  readNumbers(reader, rows).forEach((value, row) => (store.values[row] = value / factor));
}

function writeTexts(refs: readonly RowRef[], column: number): void {
  const known = new Map<string, number>();
  const entries: Uint8Array[] = [];
  let pool: TextSource | null = null;
  let byCode = new Map<number, number>();
  for (let i = 0; i < refs.length; i++) {
    const { rows, row } = refs[i]!;
    const code = (rows.columns[column] as TextStore).codes[row]!;
    if (rows.pool !== pool) {
      pool = rows.pool;
      byCode = new Map([[0, 0]]);
    }
    let own = byCode.get(code);
    if (own === undefined) byCode.set(code, (own = entryOf(pool.bytesOf(code), known, entries)));
    scratch[i] = own;
  }
  writer.byte(entries.length);
  for (const entry of entries) {
    if (entry.length < 0xffff) writer.uint16(entry.length);
    else {
      writer.uint16(0xffff);
      writer.uint32(entry.length);
    }
    writer.bytes(entry);
  }
  for (let i = 0; i < refs.length; i++) writer.byte(scratch[i]!);
}

function entryOf(bytes: Uint8Array, known: Map<string, number>, entries: Uint8Array[]): number {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  let own = known.get(key);
  if (own === undefined) known.set(key, (own = entries.push(bytes)));
  return own;
}

function readTexts(reader: ByteReader, rows: number, store: TextStore, pool: BlockTexts): void {
  const entries = reader.byte();
  const codes: number[] = [0];
  for (let entry = 0; entry < entries; entry++) {
    const short = reader.uint16();
    codes.push(pool.add(reader.bytes(short < 0xffff ? short : reader.uint32()).slice()));
  }
  for (let row = 0; row < rows; row++) store.codes[row] = codes[reader.byte()]!;
}
