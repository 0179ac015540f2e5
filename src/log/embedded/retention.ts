/**
 * Which segments may go.
 *
 * Only whole segments, only from the oldest on, never the active one. A segment goes when its newest
 * rows are older than the longest retention of the streams in it, and every reader has passed it.
 *
 * At a stream's `bytesMax` the oldest segment goes early if every reader has passed it. (Streams
 * share segments: the tightest bound decides for all rows of that segment.) If a reader still needs
 * it, the stream's policy decides: `refuse` makes appends to the stream answer LOG_DISK_FULL until
 * the reader has moved on; `cut` deletes it all the same, and says for every reader, stream and
 * tenant which rows and how many the reader will never see.
 */
import type { Position } from '../log.js';
import type { PartitionSummary, SegmentSummary } from './footer.js';
import type { LogState, StreamRecord } from './state.js';

/** A segment that is no longer written. */
export interface ClosedSegment {
  readonly number: number;
  readonly summary: SegmentSummary;
  /** Bytes of its file. */
  readonly bytes: number;
}

/** Rows that a reader still needed when its segment was deleted. */
export interface Needed {
  readonly reader: string;
  readonly stream: StreamRecord;
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

/** What to do about the oldest segment. */
export type Verdict =
  | { readonly action: 'keep' }
  | { readonly action: 'delete'; readonly needed: readonly Needed[] }
  | { readonly action: 'refuse'; readonly streams: readonly string[] };

/** Decides about `oldest`; `bytes` are each stream's bytes in all segments, by stream id. */
export function judge(
  oldest: ClosedSegment,
  state: LogState,
  bytes: ReadonlyMap<number, number>,
  nowMs: number,
): Verdict {
  const inside = oldest.summary.partitions
    .map((partition) => state.streamsById.get(partition.streamId))
    .filter((stream) => stream !== undefined);
  const retentionMs = inside.reduce((longest, stream) => Math.max(longest, stream.definition.retentionMs), 0);
  const needed = neededRows(oldest.summary.partitions, state);
  const expired = nowMs - oldest.summary.newestMs > retentionMs;
  if (expired && needed.length === 0) return { action: 'delete', needed };
  const over = [...state.streams.values()].filter((stream) => (bytes.get(stream.id) ?? 0) > stream.definition.bytesMax);
  if (over.length === 0) return { action: 'keep' };
  if (needed.length === 0) return { action: 'delete', needed };
  const refusing = over.filter((stream) => stream.definition.policy === 'refuse');
  // Rows of a stream that promises to refuse are never cut for another stream's sake.
  const cuttable = needed.every(({ stream }) => stream.definition.policy === 'cut');
  if (over.length > refusing.length && cuttable) return { action: 'delete', needed };
  return { action: 'refuse', streams: over.map((stream) => stream.definition.name) };
}

function neededRows(partitions: readonly PartitionSummary[], state: LogState): Needed[] {
  const needed: Needed[] = [];
  for (const reader of state.readers.values())
    for (const summary of partitions) {
      const stream = state.streamsById.get(summary.streamId);
      if (stream === undefined) continue;
      const hold = holdOn(reader.holds, stream.definition.name, summary.partition);
      if (hold === undefined || hold >= summary.end) continue;
      needed.push({
        reader: reader.id,
        stream,
        partition: summary.partition,
        from: Math.max(hold, summary.start),
        to: summary.end,
      });
    }
  return needed;
}

function holdOn(holds: readonly Position[], stream: string, partition: number): number | undefined {
  return holds.find((hold) => hold.stream === stream && hold.partition === partition)?.offset;
}
