/**
 * The batch codec: one little-endian buffer of many events. `event/FORMAT.md` draws the bytes.
 *
 * Writing a segment: one `DictionaryScope` a (stream, partition), `encodeAttached` a batch.
 * Reading a segment: one `DictionaryChain` a (stream, partition); `apply` each batch in order (or
 * `open` at the first), then `decodeBatch`. Anywhere else: `encodeBatch` and `decodeBatch`.
 */
export { pagesOf, type BatchPages } from './batch/batch-pages.js';
export { DictionaryChain, type Hole } from './batch/chain.js';
export { crc32c } from './batch/crc.js';
export { decodeBatch, decodePages, lostOffsets, type DecodedBatch } from './batch/decode.js';
export {
  BATCH_ROWS_MAX,
  encodeAttached,
  encodeBatch,
  encodeBatchTo,
  encodeClock,
  encodeDictionary,
  type BatchPlace,
  type EncodedBatch,
} from './batch/encode.js';
export {
  DESCRIPTOR_BYTES,
  HEADER_BYTES,
  headerBytesOf,
  patchHeader,
  readDescriptor,
  readHeader,
  totalBytesOf,
  type BatchHeader,
  type ColumnDescriptor,
} from './batch/layout.js';
export { DictionaryScope, PAGES_PER_WHOLE } from './batch/scope.js';
export { sliceRows, totalRows, type RowSlice } from './batch/slices.js';
export { BatchTarget } from './batch/target.js';
