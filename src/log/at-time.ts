/** Finds offsets by time, and times by offset: stamps never fall within a partition, so a search by halves is enough. */
import type { Log } from './log.js';

/**
 * The offset of the first row that was stamped at or after `timeMs`, or one past the newest row. A
 * row that retention has taken counts as earlier.
 */
export function offsetAtTime(log: Log, stream: string, partition: number, timeMs: number): number {
  const { start, end } = log.range(stream, partition);
  let low = start;
  let high = end;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const batch = batchAt(log, stream, partition, middle);
    // Rows that can't be read any more were stamped before what follows them.
    if (batch === null) low = middle + 1;
    else if (batch.receivedAt >= timeMs) high = Math.min(middle, Math.max(low, batch.baseOffset));
    else low = Math.min(high, batch.baseOffset + batch.rows);
  }
  return low;
}

/** The stamp of the row at `offset`, or of the first one kept behind it, ms; null when there is none yet. */
export function stampAt(log: Log, stream: string, partition: number, offset: number): number | null {
  const { start, end } = log.range(stream, partition);
  const from = Math.max(start, offset);
  return from >= end ? null : (batchAt(log, stream, partition, from)?.receivedAt ?? null);
}

function batchAt(log: Log, stream: string, partition: number, offset: number) {
  const cursor = log.cursor(stream, partition, offset);
  try {
    for (let at = -1; cursor.position > at;) {
      at = cursor.position;
      const batch = cursor.next();
      if (batch !== null && batch.rows > 0) return batch;
    }
    return null;
  } finally {
    cursor.close();
  }
}
