/**
 * The header of a batch; `event/FORMAT.md` draws the whole.
 *
 *   0  u32  magic "MRB1"                 40  f64  event time min, ms; NaN without
 *   4  u32  crc32c of [8 .. headerBytes)  48  f64  event time max
 *   8  u8   version, 1                   56  f64  clockAdvanceMs
 *   9  u8   kind                         64  u32  dictionary page at; 0 without
 *  10  u8   flags                        68  u32  dictionary page bytes
 *  11  u8   0                            72  u32  dictionary page crc32c
 *  12  u32  headerBytes                  76  u32  previous dictionary page's batch, in the segment
 *  16  u32  totalBytes                   80  u16  bytes of the smallest tenant
 *  20  u32  rows                         82  u16  bytes of the largest tenant
 *  24  f64  base offset                  84  u32  columns
 *  32  f64  received_at, ms              88  32 bytes a column, then the two tenants
 *
 * A column's descriptor:
 *
 *   0  u8   type        4  u32  page at          16  i64  base (integers)
 *   1  u8   encoding    8  u32  page bytes       24  u32  items (lists)
 *   2  u8   width      12  u32  page crc32c      28  u32  dictionary entries needed
 *   3  u8   bit 0: nulls; bits 4-7: second width
 */
import { MillraceError } from '../../util/errors.js';
import type { ColumnType } from '../schema.js';
import { crc32c } from './crc.js';

/** "MRB1", little-endian. */
export const MAGIC = 0x3142524d;
/** The version this code writes. */
export const VERSION = 1;
/** Bytes before the descriptors. */
export const HEADER_BYTES = 88;
/** Bytes of one descriptor. */
export const DESCRIPTOR_BYTES = 32;
/** "No such page" in a link. */
export const NO_PAGE = 0xffffffff;

/** What a batch is. */
export const KIND = { rows: 0, clock: 1, dictionary: 2 } as const;
/** Bits of the header's flags. */
export const FLAG = { attached: 1, whole: 2, tenants: 4 } as const;
/** How a column's page is laid out. */
export const ENCODING = {
  uuid: 1,
  integer: 2,
  double: 3,
  boolean: 4,
  bytes: 5,
  dictionary: 6,
  list: 7,
  bytesList: 8,
  stamp: 9,
  null: 10,
} as const;
/** Column types as bytes: never renumber. */
export const TYPE_CODES: readonly ColumnType[] = [
  'uuid',
  'string',
  'dictionary',
  'list',
  'bytes',
  'int64',
  'double',
  'decimal',
  'timestamp',
  'boolean',
  'json',
];

/** The header of a batch, parsed. Offsets inside count from the batch's first byte. */
export interface BatchHeader {
  readonly kind: 'rows' | 'clock' | 'dictionary';
  /** Needs its segment's dictionary; else it carries every entry that it uses. */
  readonly attached: boolean;
  readonly headerBytes: number;
  readonly totalBytes: number;
  readonly rows: number;
  readonly baseOffset: number;
  readonly receivedAt: number;
  readonly eventTimeMin: number;
  readonly eventTimeMax: number;
  readonly clockAdvanceMs: number;
  /** The dictionary page: `whole` repeats every entry so far. */
  readonly dictionary: {
    readonly at: number;
    readonly bytes: number;
    readonly crc: number;
    readonly whole: boolean;
  } | null;
  /** Position in the segment of the batch with the previous dictionary page, or -1. */
  readonly previousDictionary: number;
  /** Smallest and largest tenant, or null when too long to keep. */
  readonly tenants: { readonly min: string; readonly max: string } | null;
  readonly columns: number;
}

const KINDS = ['rows', 'clock', 'dictionary'] as const;
const decoder = new TextDecoder();

/** Bytes of the batch that starts at `bytes[0]`, from its first 20 bytes; unchecked. */
export function totalBytesOf(bytes: Uint8Array): number {
  return view(bytes).getUint32(16, true);
}

/** Bytes of the header of the batch that starts at `bytes[0]`, from its first 16 bytes; unchecked. */
export function headerBytesOf(bytes: Uint8Array): number {
  return view(bytes).getUint32(12, true);
}

/**
 * Parses and checks the header of the batch at `bytes[0]`; `available`: bytes that there are of the batch, `bytes` may
 * be the first of them. Throws LOG_PAGE_DAMAGED when its crc fails or it does not fit, DATA_FOLDER_NEWER for a version
 * this code does not know.
 */
export function readHeader(bytes: Uint8Array, available = bytes.length): BatchHeader {
  if (bytes.length < HEADER_BYTES)
    throw damaged(`${bytes.length} bytes are too few for a batch header of ${HEADER_BYTES}`);
  const data = view(bytes);
  if (data.getUint32(0, true) !== MAGIC) throw damaged('the batch does not start with MRB1');
  const headerBytes = data.getUint32(12, true);
  const totalBytes = data.getUint32(16, true);
  if (headerBytes < HEADER_BYTES || headerBytes > bytes.length || totalBytes > available)
    throw damaged('the batch header states more bytes than there are');
  if (crc32c(bytes, 8, headerBytes) !== data.getUint32(4, true)) throw damaged('the batch header fails its crc');
  if (data.getUint8(8) !== VERSION)
    throw new MillraceError(
      'DATA_FOLDER_NEWER',
      `batch version ${data.getUint8(8)}; this release reads up to ${VERSION}`,
    );
  const flags = data.getUint8(10);
  const columns = data.getUint32(84, true);
  const dictionaryAt = data.getUint32(64, true);
  const previous = data.getUint32(76, true);
  return {
    kind: KINDS[data.getUint8(9)]!,
    attached: (flags & FLAG.attached) !== 0,
    headerBytes,
    totalBytes,
    rows: data.getUint32(20, true),
    baseOffset: data.getFloat64(24, true),
    receivedAt: data.getFloat64(32, true),
    eventTimeMin: data.getFloat64(40, true),
    eventTimeMax: data.getFloat64(48, true),
    clockAdvanceMs: data.getFloat64(56, true),
    dictionary:
      dictionaryAt === 0
        ? null
        : {
            at: dictionaryAt,
            bytes: data.getUint32(68, true),
            crc: data.getUint32(72, true),
            whole: (flags & FLAG.whole) !== 0,
          },
    previousDictionary: previous === NO_PAGE ? -1 : previous,
    tenants: (flags & FLAG.tenants) === 0 ? null : readTenants(bytes, data, columns),
    columns,
  };
}

function readTenants(bytes: Uint8Array, data: DataView, columns: number): { min: string; max: string } {
  const at = HEADER_BYTES + columns * DESCRIPTOR_BYTES;
  const middle = at + data.getUint16(80, true);
  const end = middle + data.getUint16(82, true);
  return { min: decoder.decode(bytes.subarray(at, middle)), max: decoder.decode(bytes.subarray(middle, end)) };
}

/** A column's descriptor, parsed. */
export interface ColumnDescriptor {
  readonly type: ColumnType;
  readonly encoding: number;
  readonly width: number;
  readonly width2: number;
  readonly nulls: boolean;
  readonly at: number;
  readonly bytes: number;
  readonly crc: number;
  readonly base: bigint;
  readonly items: number;
  /** The dictionary must hold this many entries to read the column. */
  readonly entriesNeeded: number;
}

/** The descriptor of column `index`. */
export function readDescriptor(bytes: Uint8Array, index: number): ColumnDescriptor {
  const data = view(bytes);
  const at = HEADER_BYTES + index * DESCRIPTOR_BYTES;
  const bits = data.getUint8(at + 3);
  return {
    type: TYPE_CODES[data.getUint8(at)]!,
    encoding: data.getUint8(at + 1),
    width: data.getUint8(at + 2),
    width2: bits >> 4,
    nulls: (bits & 1) !== 0,
    at: data.getUint32(at + 4, true),
    bytes: data.getUint32(at + 8, true),
    crc: data.getUint32(at + 12, true),
    base: data.getBigInt64(at + 16, true),
    items: data.getUint32(at + 24, true),
    entriesNeeded: data.getUint32(at + 28, true),
  };
}

/** Sets where the log put the batch and when, and the header's crc. */
export function patchHeader(bytes: Uint8Array, baseOffset: number, receivedAt: number): void {
  const data = view(bytes);
  data.setFloat64(24, baseOffset, true);
  data.setFloat64(32, receivedAt, true);
  data.setUint32(4, crc32c(bytes, 8, data.getUint32(12, true)), true);
}

/** The error of a damaged batch, naming what and where. */
export function damaged(message: string, place?: string): MillraceError {
  return new MillraceError('LOG_PAGE_DAMAGED', message, place === undefined ? {} : { place });
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
