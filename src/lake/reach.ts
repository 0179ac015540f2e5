/**
 * How far back a lake takes a stream below the oldest row that the log keeps.
 *
 * Judged from the snapshot alone, an arrival hour at a time: the files of an hour hold every row between their first
 * and last offsets when they have as many rows as there are offsets. From the log's start backwards, hours count
 * until one lacks a row, or does not meet the next. So a gap costs the rest of its hour, and no row is read for it.
 */
import type { LakeFile, LakeSnapshot, OffsetRange } from './snapshot.js';

/** The files of one arrival hour. */
export interface LakeHour {
  readonly hour: number;
  readonly files: readonly LakeFile[];
  /** From the first to the last row of each partition. */
  readonly spans: ReadonlyMap<number, OffsetRange>;
  /** Whether every row of these spans is there. */
  readonly isWhole: boolean;
}

/** See the head of the file. */
export interface LakeReach {
  /** By partition: from here on every row is in the lake or in the log; the log's start where the lake has nothing to add. */
  readonly from: readonly number[];
  /** Rows that the lake alone holds, and the files that they are in. */
  readonly rows: number;
  readonly files: number;
}

/** The hours of a snapshot, the newest first. */
export function hoursOf({ files }: Pick<LakeSnapshot, 'files'>): LakeHour[] {
  const byHour = new Map<number, LakeFile[]>();
  for (const file of files) byHour.set(file.hour, [...(byHour.get(file.hour) ?? []), file]);
  return [...byHour].sort(([a], [b]) => b - a).map(([hour, own]) => ({ hour, files: own, ...covered(own) }));
}

function covered(files: readonly LakeFile[]): Pick<LakeHour, 'spans' | 'isWhole'> {
  const spans = new Map<number, OffsetRange>();
  for (const { from, partition, to } of files.flatMap(({ ranges }) => ranges)) {
    const known = spans.get(partition);
    spans.set(partition, {
      partition,
      from: Math.min(from, known?.from ?? from),
      to: Math.max(to, known?.to ?? to),
    });
  }
  let offsets = 0;
  for (const { from, to } of spans.values()) offsets += to - from;
  return { spans, isWhole: files.reduce((sum, { rows }) => sum + rows, 0) === offsets };
}

/** `starts`: the oldest offset that the log keeps of each partition. */
export function reachOf(snapshot: Pick<LakeSnapshot, 'files'>, starts: readonly number[]): LakeReach {
  const hours = hoursOf(snapshot);
  const used = new Set<string>();
  const from = starts.map((start, partition) => {
    let at = start;
    for (const { files, isWhole, spans } of hours) {
      const span = spans.get(partition);
      if (span === undefined || span.from >= at) continue;
      if (!isWhole || span.to < at) break;
      at = span.from;
      for (const { name, ranges } of files) if (ranges.some((range) => range.partition === partition)) used.add(name);
    }
    return at;
  });
  const rows = from.reduce((sum, offset, partition) => sum + starts[partition]! - offset, 0);
  return { from, rows, files: used.size };
}
