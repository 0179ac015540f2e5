/** The bytes of a batch, page by page: all in memory, or still in a file. */
import { readHeader, type BatchHeader } from './layout.js';

/** A batch's bytes. Positions count from its first. */
export interface BatchPages {
  readonly header: BatchHeader;
  /** The header with the descriptors. */
  readonly head: Uint8Array;
  /** The bytes `at` up to `at + bytes`, from a multiple of 8 of their buffer on; shorter where the batch ends before. */
  page(at: number, bytes: number): Uint8Array;
}

/** The pages of a batch in memory. Throws LOG_PAGE_DAMAGED when its header is damaged. */
export function pagesOf(bytes: Uint8Array): BatchPages {
  const header = readHeader(bytes);
  const aligned = alignedBytes(bytes);
  return {
    header,
    head: aligned,
    page: (at, size) => aligned.subarray(at, at + size),
  };
}

/** The same bytes, starting at a multiple of 8 of their buffer; copied when they don't. */
function alignedBytes(bytes: Uint8Array): Uint8Array {
  return (bytes.byteOffset & 7) === 0 ? bytes : new Uint8Array(bytes);
}
