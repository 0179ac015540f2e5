/**
 * Columns → the bytes of a batch. The twin of `decode.ts`; `event/FORMAT.md` draws the bytes.
 *
 * Writes into a caller's `BatchTarget` and allocates next to nothing: this runs for every event
 * that is taken. Input is a list of row slices, so that rows need not be gathered or concatenated
 * before they are written.
 */
import { MillraceError } from '../../util/errors.js';
import type { Column, ColumnBatch } from '../columns.js';
import type { Schema } from '../schema.js';
import { crc32c } from './crc.js';
import { writeBooleans, writeDoubles, writeIntegers, writeUuids, type PageInfo } from './encode-numbers.js';
import { writeBytes, writeDictionary, writeList } from './encode-text.js';
import { DESCRIPTOR_BYTES, ENCODING, FLAG, HEADER_BYTES, KIND, MAGIC, NO_PAGE, TYPE_CODES, VERSION } from './layout.js';
import { hasNewEntries, writeDictionaryPage } from './pages.js';
import { DictionaryScope } from './scope.js';
import { mayHaveNulls, paddedBits, totalRows, writeNulls, type RowSlice } from './slices.js';
import { BatchTarget } from './target.js';
import { writeTenants } from './tenants.js';

/** Most rows of one batch. */
export const BATCH_ROWS_MAX = 65_536;

/** Where an attached batch goes. */
export interface BatchPlace {
  readonly baseOffset: number;
  /** The stamp of all its rows, ms. */
  readonly receivedAt: number;
  /** Position in the segment file of the batch's first byte. */
  readonly segmentPosition: number;
}

/** What was written. */
export interface EncodedBatch {
  /** First byte in the target. */
  readonly start: number;
  readonly bytes: number;
  readonly rows: number;
  /** NaN when the stream has no event time or every row's is null. */
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  /** Columns whose dictionary was full, so that they went as raw bytes. */
  readonly rawColumns: number;
}

const info: PageInfo = {
  encoding: 0,
  width: 0,
  width2: 0,
  baseLow: 0,
  baseHigh: 0,
  items: 0,
  entriesNeeded: 0,
  min: 0,
  max: 0,
};

/**
 * Writes rows as one batch of the scope's segment at `target.position` (moved behind it; both
 * multiples of 8). New dictionary entries ride along. All slices have the scope's schema; at most
 * `BATCH_ROWS_MAX` rows.
 */
export function encodeAttached(
  slices: readonly RowSlice[],
  scope: DictionaryScope,
  place: BatchPlace,
  target: BatchTarget,
): EncodedBatch {
  return encode(slices, scope, place, target, true);
}

let own: BatchTarget | undefined;

/** A self-contained batch of `batch` (or of slices), carrying every dictionary entry that it uses. */
export function encodeBatch(batch: ColumnBatch | readonly RowSlice[]): Uint8Array<ArrayBuffer> {
  own ??= new BatchTarget();
  const bytes = encodeBatchTo(own, batch).slice();
  if (own.bytes.length > 1 << 24) own = undefined;
  return bytes;
}

/** As `encodeBatch`, as a view of `target`, which is written from its start. */
export function encodeBatchTo(target: BatchTarget, batch: ColumnBatch | readonly RowSlice[]): Uint8Array<ArrayBuffer> {
  const slices: readonly RowSlice[] = isSlices(batch) ? batch : [{ batch, rows: null }];
  const schema = slices[0]?.batch.schema;
  if (schema === undefined) throw new MillraceError('BATCH_INVALID', 'no rows to encode');
  target.position = 0;
  const place = { baseOffset: 0, receivedAt: 0, segmentPosition: 0 };
  const written = encode(slices, new DictionaryScope(schema, true), place, target, false);
  return target.bytes.subarray(0, written.bytes);
}

/** A clock record: no rows, only that the clocks of an idle `clock = 'event'` stream advance. */
export function encodeClock(
  target: BatchTarget,
  place: Omit<BatchPlace, 'segmentPosition'>,
  clockAdvanceMs: number,
): EncodedBatch {
  const start = begin(target, 0, 0);
  target.f64[(start + 56) >> 3] = clockAdvanceMs;
  return finish(target, start, KIND.clock, 0, 0, place, NaN, NaN);
}

/**
 * The scope's whole dictionary as a batch without rows: what a sealed segment's footer holds.
 * Feed it to a `DictionaryChain` as any other batch.
 */
export function encodeDictionary(scope: DictionaryScope, target: BatchTarget): EncodedBatch {
  const start = begin(target, 0, 0);
  const flags = FLAG.attached | writeDictionaryPage(target, start, scope, true);
  return finish(target, start, KIND.dictionary, flags, 0, { baseOffset: 0, receivedAt: 0 }, NaN, NaN);
}

function encode(
  slices: readonly RowSlice[],
  scope: DictionaryScope,
  place: BatchPlace,
  target: BatchTarget,
  attached: boolean,
): EncodedBatch {
  const { schema } = scope;
  const rows = totalRows(slices);
  if (rows === 0 || rows > BATCH_ROWS_MAX)
    throw new MillraceError('BATCH_INVALID', `${rows} rows; a batch holds 1 to ${BATCH_ROWS_MAX}`);
  const start = begin(target, schema.columns.length, rows);
  let flags = writeTenants(target, start, slices, schema) | (attached ? FLAG.attached : 0);
  const rawBefore = scope.rawColumns;
  let min = NaN;
  let max = NaN;
  for (let index = 0; index < schema.columns.length; index++) {
    writeColumn(target, start, slices, index, rows, scope);
    if (index !== schema.roles.eventTime || info.min === Infinity) continue;
    min = info.min;
    max = info.max;
  }
  target.u32[(start + 76) >> 2] = scope.lastPage < 0 ? NO_PAGE : scope.lastPage;
  if (hasNewEntries(scope)) {
    flags |= writeDictionaryPage(target, start, scope, false);
    scope.lastPage = place.segmentPosition;
  }
  return finish(target, start, KIND.rows, flags, scope.rawColumns - rawBefore, place, min, max);
}

/** Zeroes header and descriptors and leaves the position behind them. */
function begin(target: BatchTarget, columns: number, rows: number): number {
  target.align();
  const start = target.position;
  target.reserve(HEADER_BYTES + columns * DESCRIPTOR_BYTES + 1024);
  target.position = start + HEADER_BYTES + columns * DESCRIPTOR_BYTES;
  target.bytes.fill(0, start, target.position);
  const at = start >> 2;
  target.u32[at] = MAGIC;
  target.u32[at + 3] = target.position - start;
  target.u32[at + 5] = rows;
  target.u32[at + 19] = NO_PAGE;
  target.u32[at + 21] = columns;
  return start;
}

function finish(
  target: BatchTarget,
  start: number,
  kind: number,
  flags: number,
  rawColumns: number,
  place: Omit<BatchPlace, 'segmentPosition'>,
  min: number,
  max: number,
): EncodedBatch {
  target.align();
  const { bytes, u32, f64 } = target;
  bytes[start + 8] = VERSION;
  bytes[start + 9] = kind;
  bytes[start + 10] = flags;
  u32[(start + 16) >> 2] = target.position - start;
  f64[(start + 24) >> 3] = place.baseOffset;
  f64[(start + 32) >> 3] = place.receivedAt;
  f64[(start + 40) >> 3] = min;
  f64[(start + 48) >> 3] = max;
  u32[(start + 4) >> 2] = crc32c(bytes, start + 8, start + u32[(start + 12) >> 2]!);
  return {
    start,
    bytes: target.position - start,
    rows: u32[(start + 20) >> 2]!,
    eventTimeMin: min,
    eventTimeMax: max,
    rawColumns,
  };
}

function writeColumn(
  target: BatchTarget,
  start: number,
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  scope: DictionaryScope,
): void {
  const { schema } = scope;
  const { type } = schema.columns[index]!;
  info.width = info.width2 = info.baseLow = info.baseHigh = info.items = info.entriesNeeded = 0;
  target.align();
  const at = target.position;
  let nulls = false;
  if (index === schema.roles.receivedAt) info.encoding = ENCODING.stamp;
  else {
    nulls = reserveNulls(target, slices, index, rows);
    if (nulls && allSet(target.bytes, at, rows)) {
      target.position = at;
      nulls = false;
      info.encoding = ENCODING.null;
      info.min = Infinity;
    } else writeValues(target, slices, index, rows, scope, nulls ? at : -1);
  }
  const { bytes, u32 } = target;
  const descriptor = start + HEADER_BYTES + index * DESCRIPTOR_BYTES;
  bytes[descriptor] = TYPE_CODES.indexOf(type);
  bytes[descriptor + 1] = info.encoding;
  bytes[descriptor + 2] = info.width;
  bytes[descriptor + 3] = (nulls ? 1 : 0) | (info.width2 << 4);
  const word = descriptor >> 2;
  u32[word + 1] = at - start;
  u32[word + 2] = target.position - at;
  u32[word + 3] = crc32c(bytes, at, target.position);
  u32[word + 4] = info.baseLow;
  u32[word + 5] = info.baseHigh;
  u32[word + 6] = info.items;
  u32[word + 7] = info.entriesNeeded;
}

function reserveNulls(target: BatchTarget, slices: readonly RowSlice[], index: number, rows: number): boolean {
  if (!mayHaveNulls(slices, index)) return false;
  target.reserve(paddedBits(rows));
  if (!writeNulls(target.bytes, target.position, slices, index, rows)) return false;
  target.position += paddedBits(rows);
  return true;
}

function allSet(bytes: Uint8Array, at: number, rows: number): boolean {
  const whole = rows >> 3;
  for (let i = 0; i < whole; i++) if (bytes[at + i] !== 255) return false;
  return (rows & 7) === 0 || bytes[at + whole] === (1 << (rows & 7)) - 1;
}

function writeValues(
  target: BatchTarget,
  slices: readonly RowSlice[],
  index: number,
  rows: number,
  scope: DictionaryScope,
  nullsAt: number,
): void {
  checkKinds(slices, index, scope.schema);
  const own = scope.byColumn[index];
  switch (scope.schema.columns[index]!.type) {
    case 'uuid':
      return writeUuids(target, slices, index, rows, info);
    case 'int64':
    case 'decimal':
    case 'timestamp':
      return writeIntegers(target, slices, index, rows, nullsAt, info);
    case 'double':
      return writeDoubles(target, slices, index, rows, info);
    case 'boolean':
      return writeBooleans(target, slices, index, rows, info);
    case 'string':
    case 'bytes':
    case 'json':
      return writeBytes(target, slices, index, rows, info);
    case 'dictionary':
      writeDictionary(target, slices, index, rows, own!, info);
      break;
    case 'list':
      writeList(target, slices, index, rows, own!, info);
  }
  if (own!.full) scope.rawColumns++;
}

const KINDS_OF: Readonly<Record<string, readonly Column['kind'][]>> = {
  uuid: ['uuid'],
  int64: ['integer'],
  decimal: ['integer'],
  timestamp: ['integer'],
  double: ['double'],
  boolean: ['boolean'],
  string: ['bytes'],
  bytes: ['bytes'],
  json: ['bytes'],
  dictionary: ['dictionary', 'bytes'],
  list: ['list', 'bytesList'],
};

function checkKinds(slices: readonly RowSlice[], index: number, schema: Schema): void {
  const { type, name } = schema.columns[index]!;
  const allowed = KINDS_OF[type]!;
  for (const slice of slices) {
    const { kind } = slice.batch.column(index);
    if (kind !== allowed[0] && kind !== allowed[1])
      throw new MillraceError(
        'BATCH_INVALID',
        `column '${name}' is ${type} and came as ${kind}; expected ${allowed.join(' or ')}`,
      );
  }
}

function isSlices(batch: ColumnBatch | readonly RowSlice[]): batch is readonly RowSlice[] {
  return Array.isArray(batch);
}
