/**
 * Groups of rows → the bytes of one commit.
 *
 * Rows of the same stream and partition that are appended in the same moment become one batch, so
 * that a thousand single requests cost one batch header and not a thousand. The buffer is kept and
 * written over by the next commit: in the steady state nothing is allocated for bytes.
 *
 * Limits: a batch is closed at `BATCH_ROWS` rows (a larger one only when it came as one slice).
 */
import {
  BatchTarget,
  BATCH_ROWS_MAX,
  DictionaryScope,
  encodeAttached,
  encodeClock,
  patchHeader,
  sliceRows,
  type RowSlice,
} from '../../event/batch.js';
import type { Schema } from '../../event/schema.js';
import type { Appended } from '../log.js';
import {
  COMMIT_HEADER_BYTES,
  ENTRY_BYTES,
  ENTRY_KIND,
  toSector,
  writeCommitHeader,
  writeEntry,
  type DirectoryEntry,
  type SegmentHeader,
} from './layout.js';
import type { CommitMetadata, LogState, StreamRecord } from './state.js';

/** Rows of a full batch. */
export const BATCH_ROWS = 16_384;

/** One piece of an append: rows, a ready batch or a clock record for one partition. */
export interface CommitPart {
  readonly stream: StreamRecord;
  readonly partition: number;
  /** Rows to encode, bytes of a self-contained batch, or the milliseconds of a clock record. */
  readonly content: RowSlice | Uint8Array<ArrayBuffer> | number;
  readonly rows: number;
}

/** One append of a commit. */
export interface CommitGroup {
  readonly parts: readonly CommitPart[];
  readonly metadata: CommitMetadata | null;
}

/** A commit, ready to be written. */
export interface EncodedCommit {
  /** The whole commit; valid until the next is encoded. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly entries: readonly DirectoryEntry[];
  readonly metadata: CommitMetadata | null;
  /** For each group where its parts went, in order. */
  readonly appended: readonly (readonly Appended[])[];
  readonly sequence: number;
  readonly stampMs: number;
  readonly rows: number;
  /** Columns that went as raw bytes because a dictionary was full. */
  readonly rawColumns: number;
}

/** Where a commit goes. */
export interface CommitPlace {
  readonly segment: SegmentHeader;
  readonly scopes: SegmentScopes;
  /** Position in the file. */
  readonly position: number;
  readonly stampMs: number;
  readonly checkpoint: boolean;
}

/** The dictionaries of an open segment. */
export class SegmentScopes {
  readonly #scopes = new Map<
    string,
    { scope: DictionaryScope; stream: StreamRecord; partition: number; version: number }
  >();

  /** The dictionaries of a partition in its newest schema. */
  of(stream: StreamRecord, partition: number): DictionaryScope {
    const version = stream.versions.length - 1;
    const key = `${stream.id}/${partition}/${version}`;
    let found = this.#scopes.get(key);
    if (found === undefined) {
      found = { scope: new DictionaryScope(stream.versions[version] as Schema), stream, partition, version };
      this.#scopes.set(key, found);
    }
    return found.scope;
  }

  /** All that were used. */
  all(): { scope: DictionaryScope; stream: StreamRecord; partition: number; version: number }[] {
    return [...this.#scopes.values()];
  }
}

/** Encodes commits, one after the other. */
export class CommitEncoder {
  readonly #target = new BatchTarget(1 << 20);
  #entries: DirectoryEntry[] = [];
  #rawColumns = 0;
  #rows = 0;

  /** Encodes groups as the next commit of `state`; changes nothing but the scopes. */
  encode(groups: readonly CommitGroup[], state: LogState, place: CommitPlace): EncodedCommit {
    this.#entries = [];
    this.#rawColumns = 0;
    this.#rows = 0;
    const target = this.#target;
    target.position = 0;
    target.reserve(COMMIT_HEADER_BYTES);
    target.position = COMMIT_HEADER_BYTES;
    const queues = new Map<number, Queue>();
    const appended = groups.map((group) => group.parts.map((part) => enqueue(queues, state, part)));
    for (const { parts, offset } of queues.values()) {
      const slot = state.slot(parts[0]!.stream, parts[0]!.partition);
      this.#encodeParts(parts, offset, slot.clockTotalMs, place);
    }
    const metadata = mergeMetadata(groups);
    const sequence = state.sequence + 1;
    const bytes = this.#finish(metadata, sequence, place);
    const { stampMs } = place;
    return {
      bytes,
      entries: this.#entries,
      metadata,
      appended,
      sequence,
      stampMs,
      rows: this.#rows,
      rawColumns: this.#rawColumns,
    };
  }

  #encodeParts(parts: readonly CommitPart[], firstOffset: number, clockTotalMs: number, place: CommitPlace): void {
    let offset = firstOffset;
    let clockTotal = clockTotalMs;
    let slices: RowSlice[] = [];
    let rows = 0;
    const flush = (): void => {
      if (rows === 0) return;
      this.#encodeSlices(parts[0]!, slices, offset, rows, place);
      offset += rows;
      slices = [];
      rows = 0;
    };
    for (const part of parts) {
      const { content } = part;
      if (typeof content === 'number') {
        flush();
        clockTotal += content;
        this.#encodeClock(part, offset, content, clockTotal, place);
      } else if (content instanceof Uint8Array) {
        flush();
        this.#copyEncoded(part, content, offset, place);
        offset += part.rows;
      } else {
        for (const slice of cut(content)) {
          const count = sliceRows(slice);
          if (rows + count > BATCH_ROWS) flush();
          slices.push(slice);
          rows += count;
        }
      }
    }
    flush();
  }

  #encodeSlices(
    part: CommitPart,
    slices: readonly RowSlice[],
    baseOffset: number,
    rows: number,
    place: CommitPlace,
  ): void {
    const target = this.#target;
    target.align();
    const scope = place.scopes.of(part.stream, part.partition);
    const segmentPosition = place.position + target.position;
    const written = encodeAttached(slices, scope, { baseOffset, receivedAt: place.stampMs, segmentPosition }, target);
    this.#rawColumns += written.rawColumns;
    this.#add(part, baseOffset, rows, written.start, ENTRY_KIND.rows, place.stampMs, 0);
  }

  #encodeClock(
    part: CommitPart,
    baseOffset: number,
    advanceMs: number,
    clockTotalMs: number,
    place: CommitPlace,
  ): void {
    const written = encodeClock(this.#target, { baseOffset, receivedAt: place.stampMs }, advanceMs);
    this.#add(part, baseOffset, 0, written.start, ENTRY_KIND.clock, place.stampMs, clockTotalMs);
  }

  #copyEncoded(part: CommitPart, bytes: Uint8Array, baseOffset: number, place: CommitPlace): void {
    const target = this.#target;
    target.align();
    target.reserve(bytes.length);
    const start = target.position;
    target.bytes.set(bytes, start);
    target.position = start + bytes.length;
    patchHeader(target.bytes.subarray(start, target.position), baseOffset, place.stampMs);
    target.align();
    this.#add(part, baseOffset, part.rows, start, ENTRY_KIND.rows, place.stampMs, 0);
  }

  #add(
    part: CommitPart,
    baseOffset: number,
    rows: number,
    start: number,
    kind: number,
    receivedAt: number,
    clockTotalMs: number,
  ): void {
    const { stream, partition } = part;
    this.#rows += rows;
    this.#entries.push({
      streamId: stream.id,
      partition,
      baseOffset,
      rows,
      at: start,
      bytes: this.#target.position - start,
      schemaVersion: stream.versions.length - 1,
      kind,
      receivedAt,
      clockTotalMs,
    });
  }

  #finish(metadata: CommitMetadata | null, sequence: number, place: CommitPlace): Uint8Array<ArrayBuffer> {
    const target = this.#target;
    target.align();
    const directoryAt = target.position;
    const json = metadata === null ? EMPTY : Buffer.from(JSON.stringify(metadata));
    const end = directoryAt + this.#entries.length * ENTRY_BYTES + json.length;
    const length = toSector(end);
    target.reserve(length - directoryAt);
    const data = new DataView(target.bytes.buffer);
    this.#entries.forEach((entry, i) => writeEntry(data, directoryAt + i * ENTRY_BYTES, entry));
    target.bytes.set(json, end - json.length);
    target.bytes.fill(0, end, length);
    target.position = length;
    const bytes = target.bytes.subarray(0, length);
    writeCommitHeader(bytes, place.segment, {
      directoryAt,
      metadataBytes: json.length,
      batches: this.#entries.length,
      sequence,
      syncedEnd: place.position,
      arrivalClockMs: place.stampMs,
      checkpoint: place.checkpoint,
      rows: this.#rows,
    });
    return bytes;
  }
}

const EMPTY = new Uint8Array(0);

/** The parts of one partition, in order. */
interface Queue {
  readonly parts: CommitPart[];
  readonly offset: number;
  next: number;
}

function enqueue(queues: Map<number, Queue>, state: LogState, part: CommitPart): Appended {
  const number = part.stream.firstSlot + part.partition;
  const { end } = state.slots[number]!;
  let queue = queues.get(number);
  if (queue === undefined) queues.set(number, (queue = { parts: [], offset: end, next: end }));
  const baseOffset = queue.next;
  queue.next += part.rows;
  queue.parts.push(part);
  return { stream: part.stream.definition.name, partition: part.partition, baseOffset, rows: part.rows };
}

/** A slice in pieces that fit a batch. */
function cut(slice: RowSlice): readonly RowSlice[] {
  const rows = sliceRows(slice);
  if (rows <= BATCH_ROWS_MAX) return [slice];
  const pieces: RowSlice[] = [];
  for (let from = 0; from < rows; from += BATCH_ROWS) {
    const to = Math.min(rows, from + BATCH_ROWS);
    const chosen =
      slice.rows === null ? Uint32Array.from({ length: to - from }, (_, i) => from + i) : slice.rows.subarray(from, to);
    pieces.push({ batch: slice.batch, rows: chosen });
  }
  return pieces;
}

function mergeMetadata(groups: readonly CommitGroup[]): CommitMetadata | null {
  let merged: { -readonly [K in keyof CommitMetadata]: CommitMetadata[K] } | null = null;
  for (const { metadata } of groups) {
    if (metadata === null) continue;
    if (merged === null) {
      merged = { ...metadata };
      continue;
    }
    if (metadata.streams !== undefined) merged.streams = [...(merged.streams ?? []), ...metadata.streams];
    if (metadata.readers !== undefined) merged.readers = [...(merged.readers ?? []), ...metadata.readers];
    if (metadata.holds !== undefined) merged.holds = [...(merged.holds ?? []), ...metadata.holds];
    const again = new Set([...(metadata.readers ?? []), ...(metadata.holds ?? [])].map((reader) => reader.id));
    if (again.size > 0) merged.removed = (merged.removed ?? []).filter((id) => !again.has(id));
    if (metadata.removed !== undefined) merged.removed = [...(merged.removed ?? []), ...metadata.removed];
  }
  return merged;
}
