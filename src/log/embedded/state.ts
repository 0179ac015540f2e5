/**
 * What the log knows besides rows: its streams, how far each partition reaches, and its readers.
 *
 * All of it is made by commits: `apply` takes a commit's directory and metadata, at start for every
 * commit found on disk and afterwards for every commit that was synced. So what is in memory is
 * always what a restart would find. A segment's first commit is a **checkpoint**: the whole state
 * as JSON, so that a start reads only the newest segment, and older ones may be deleted.
 */
import type { Schema } from '../../event/schema.js';
import type { Position, ReaderState, StreamDefinition } from '../log.js';
import { ENTRY_KIND, type DirectoryEntry } from './layout.js';

/** A stream, as metadata keeps it. */
export interface StreamRecord {
  readonly id: number;
  /** Partition p has slot `firstSlot + p` on the board. */
  readonly firstSlot: number;
  /** `definition.schema` is the newest of `versions`. */
  readonly definition: StreamDefinition;
  /** Every schema its batches were written with, oldest first. */
  readonly versions: readonly Schema[];
}

/** A reader, as metadata keeps it. */
export interface ReaderRecord {
  readonly id: string;
  readonly epoch: number;
  /** What is committed; null for a reader that only registered. */
  readonly positions: readonly Position[] | null;
  readonly holds: readonly Position[];
  /** Base 64. */
  readonly state: string;
}

/** The JSON behind a commit's directory. */
export interface CommitMetadata {
  readonly streams?: readonly StreamRecord[];
  readonly readers?: readonly ReaderRecord[];
  /** What readers need kept, without anything committed. */
  readonly holds?: readonly { readonly id: string; readonly positions: readonly Position[] }[];
  readonly removed?: readonly string[];
  readonly checkpoint?: {
    /** The segment before this one and where its commits end. */
    readonly previous: { readonly segment: number; readonly end: number } | null;
    /** Start, end and sum of clock advances of every slot. */
    readonly slots: readonly (readonly [number, number, number])[];
  };
}

/** One partition. */
export interface Slot {
  /** Oldest kept offset. */
  start: number;
  /** One past the newest durable offset. */
  end: number;
  clockTotalMs: number;
  /** When rows last came, by the commit's stamp. */
  lastRowsMs: number;
}

/** The log's state. */
export class LogState {
  readonly streams = new Map<string, StreamRecord>();
  readonly streamsById = new Map<number, StreamRecord>();
  readonly slots: Slot[] = [];
  readonly readers = new Map<string, ReaderRecord>();
  /** Number of the last commit. */
  sequence = 0;
  /** No row will be stamped earlier. */
  floorMs = 0;

  /** Takes a durable commit. */
  apply(
    sequence: number,
    arrivalClockMs: number,
    entries: readonly DirectoryEntry[],
    metadata: CommitMetadata | null,
  ): void {
    this.sequence = Math.max(this.sequence, sequence);
    this.floorMs = Math.max(this.floorMs, arrivalClockMs);
    if (metadata !== null) this.#applyMetadata(metadata);
    for (const entry of entries) this.#applyEntry(entry);
  }

  /** Everything, for the first commit of the next segment. */
  checkpoint(previous: { segment: number; end: number } | null): CommitMetadata {
    return {
      streams: [...this.streams.values()],
      readers: [...this.readers.values()],
      checkpoint: { previous, slots: this.slots.map((slot) => [slot.start, slot.end, slot.clockTotalMs]) },
    };
  }

  /** The slot of a partition. */
  slot(stream: StreamRecord, partition: number): Slot {
    return this.slots[stream.firstSlot + partition]!;
  }

  #applyMetadata(metadata: CommitMetadata): void {
    for (const stream of metadata.streams ?? []) {
      this.streams.set(stream.definition.name, stream);
      this.streamsById.set(stream.id, stream);
      while (this.slots.length < stream.firstSlot + stream.definition.partitions)
        this.slots.push({ start: 0, end: 0, clockTotalMs: 0, lastRowsMs: 0 });
    }
    metadata.checkpoint?.slots.forEach(([start, end, clockTotalMs], index) => {
      const slot = this.slots[index]!;
      slot.start = Math.max(slot.start, start);
      slot.end = Math.max(slot.end, end);
      slot.clockTotalMs = Math.max(slot.clockTotalMs, clockTotalMs);
    });
    if (metadata.checkpoint !== undefined) this.readers.clear();
    for (const reader of metadata.readers ?? []) this.readers.set(reader.id, reader);
    for (const { id, positions: holds } of metadata.holds ?? []) {
      const old = this.readers.get(id) ?? { id, epoch: 0, positions: null, state: '' };
      this.readers.set(id, { ...old, holds });
    }
    for (const id of metadata.removed ?? []) this.readers.delete(id);
  }

  #applyEntry(entry: DirectoryEntry): void {
    const stream = this.streamsById.get(entry.streamId);
    if (stream === undefined || entry.kind === ENTRY_KIND.dictionary) return;
    const slot = this.slot(stream, entry.partition);
    if (entry.kind === ENTRY_KIND.clock) {
      slot.clockTotalMs = Math.max(slot.clockTotalMs, entry.clockTotalMs);
      return;
    }
    slot.end = Math.max(slot.end, entry.baseOffset + entry.rows);
    slot.lastRowsMs = entry.receivedAt;
  }
}

/** A reader's state as stages know it; undefined when it only registered. */
export function readerState(record: ReaderRecord | undefined): ReaderState | undefined {
  if (record === undefined || record.positions === null) return undefined;
  return {
    id: record.id,
    epoch: record.epoch,
    positions: record.positions,
    state: Buffer.from(record.state, 'base64'),
    holds: record.holds,
  };
}

/** A reader's state as metadata keeps it. */
export function readerRecord(reader: ReaderState): ReaderRecord {
  return {
    id: reader.id,
    epoch: reader.epoch,
    positions: reader.positions,
    holds: reader.holds ?? reader.positions,
    state: Buffer.from(reader.state.buffer, reader.state.byteOffset, reader.state.byteLength).toString('base64'),
  };
}
