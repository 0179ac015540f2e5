/**
 * The bytes of a run: a file of event ids, sorted by hash.
 *
 * ```
 * header    64 bytes
 *    0  u32  magic 'MRID'          24  u32  filter blocks
 *    4  u32  version = 1           28  u32  hour, since 1970
 *    8  u32  bucket bits           32  f64  first arrival, ms
 *   12  u32  0                     40  f64  last arrival, ms
 *   16  f64  ids                   48  f64  words in buckets
 *                                  56  u32  crc32c of the index, 60  u32  crc32c of [0 .. 60)
 * buckets   bucket b holds the ids whose hash starts with the bits of b; empty ones take no bytes
 *    crc32c of the bucket's records | records: high | low | scope | length | id, filled up with zeros
 * index     resident while the run is open
 *    u32[buckets + 1]  where each bucket starts, in words
 *    filter            blocks of 64 bytes, see `filter.ts`
 * ```
 * All little-endian. A run is written under a temporary name, synced and renamed; the manifest
 * names it only then. It is never changed afterwards.
 */
import { crc32c } from '@node-rs/crc32';
import { MillraceError } from '../../util/errors.js';

/** 'MRID'. */
const MAGIC = 0x4449524d;
const VERSION = 1;

/** Bytes of the header. */
export const HEADER_BYTES = 64;

/** Words of a record before the id. */
export const RECORD_HEAD = 4;

/** Most ids a bucket holds on average; at least half as many. A bucket is one disk read. */
const BUCKET_IDS = 96;

/** What a run's header says. */
export interface RunHeader {
  readonly bucketBits: number;
  readonly blocks: number;
  readonly hour: number;
  readonly ids: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly dataWords: number;
  readonly indexCrc: number;
}

/** How many bits of the hash choose the bucket, for `ids` ids. */
export function bucketBitsFor(ids: number): number {
  return Math.max(0, Math.ceil(Math.log2(ids / BUCKET_IDS)));
}

/** The bucket of a hash. */
export function bucketOf(high: number, bits: number): number {
  return bits === 0 ? 0 : high >>> (32 - bits);
}

/** The header's bytes. */
export function encodeRunHeader(header: RunHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint32(4, VERSION, true);
  view.setUint32(8, header.bucketBits, true);
  view.setFloat64(16, header.ids, true);
  view.setUint32(24, header.blocks, true);
  view.setUint32(28, header.hour, true);
  view.setFloat64(32, header.firstMs, true);
  view.setFloat64(40, header.lastMs, true);
  view.setFloat64(48, header.dataWords, true);
  view.setUint32(56, header.indexCrc, true);
  view.setUint32(60, crc32c(bytes.subarray(0, 60)), true);
  return bytes;
}

/** Reads a header; throws DATA_FOLDER_DAMAGED or DATA_FOLDER_NEWER. */
export function decodeRunHeader(bytes: Uint8Array, path: string): RunHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(60, true) !== crc32c(bytes.subarray(0, 60)))
    throw new MillraceError('DATA_FOLDER_DAMAGED', 'the header of this run of event ids is damaged', { place: path });
  if (view.getUint32(4, true) !== VERSION)
    throw new MillraceError(
      'DATA_FOLDER_NEWER',
      `this run of event ids has version ${view.getUint32(4, true)}; this Millrace reads ${VERSION}`,
      { place: path },
    );
  return {
    bucketBits: view.getUint32(8, true),
    ids: view.getFloat64(16, true),
    blocks: view.getUint32(24, true),
    hour: view.getUint32(28, true),
    firstMs: view.getFloat64(32, true),
    lastMs: view.getFloat64(40, true),
    dataWords: view.getFloat64(48, true),
    indexCrc: view.getUint32(56, true),
  };
}
