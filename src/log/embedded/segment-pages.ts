/**
 * A batch that is left in its segment: its header is read, and each page once somebody asks for it.
 *
 * A view reads few of a stream's columns. Bytes that nobody reads cost more than the reading: memory outside of the
 * heap is what makes the garbage collector run.
 */
import {
  DESCRIPTOR_BYTES,
  HEADER_BYTES,
  headerBytesOf,
  readHeader,
  type BatchHeader,
  type BatchPages,
} from '../../event/batch.js';
import type { DirectoryEntry } from './layout.js';
import type { SegmentView, SegmentViews } from './segment-view.js';

/** A smaller batch is read whole, with those around it: calls would cost more than bytes. */
const BYTES_MIN = 128 * 1024;
/** Of a header behind its descriptors: the tenants. */
const TENANTS_BYTES = 1024;

/** Pages of a batch in a segment file. */
export class SegmentPages implements BatchPages {
  readonly header: BatchHeader;
  readonly head: Uint8Array;
  readonly #views: SegmentViews;
  readonly #segment: number;
  readonly #entry: DirectoryEntry;

  private constructor(
    views: SegmentViews,
    segment: number,
    entry: DirectoryEntry,
    head: Uint8Array,
    header: BatchHeader,
  ) {
    this.#views = views;
    this.#segment = segment;
    this.#entry = entry;
    this.head = head;
    this.header = header;
  }

  /** A batch's pages, where it is better left where it is; else null. `columns`: about as many as it has. */
  static of(views: SegmentViews, view: SegmentView, entry: DirectoryEntry, columns: number): SegmentPages | null {
    if (entry.bytes < BYTES_MIN) return null;
    const head = view.read(entry.at, HEADER_BYTES + columns * DESCRIPTOR_BYTES + TENANTS_BYTES);
    if (head.length < HEADER_BYTES || headerBytesOf(head) > head.length) return null;
    return new SegmentPages(views, view.number, entry, head, readHeader(head, entry.bytes));
  }

  page(at: number, bytes: number): Uint8Array {
    const { at: start, bytes: size } = this.#entry;
    return this.#views.read(this.#segment, start + at, Math.max(0, Math.min(bytes, size - at)));
  }
}
