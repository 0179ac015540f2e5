/**
 * The log, read once for several deliveries of a thread.
 *
 * Deliveries of one stream read the same batches at about the same time. Whoever comes second gets
 * the first one's batch object: its columns are decoded already, and so are the bytes that were
 * encoded from it (`encoded.ts`).
 *
 * Limits: the last `ROWS_MAX` rows, in at most `BATCHES_MAX` batches. A delivery that is behind reads
 * for itself.
 */
import type { Log, LogBatch, LogCursor } from '../log/log.js';

const ROWS_MAX = 200_000;
const BATCHES_MAX = 512;

/** A log whose cursors share batches. */
export function sharedLog(log: Log): Log {
  const batches = new Map<string, LogBatch>();
  let rows = 0;
  const shared = (batch: LogBatch): LogBatch => {
    if (batch.rows === 0) return batch;
    const key = `${batch.stream}/${batch.partition}/${batch.baseOffset}`;
    const known = batches.get(key);
    // A cursor that began inside a batch has only the end of it.
    if (known !== undefined && known.rows === batch.rows && known.batch.schema === batch.batch.schema) return known;
    if (known !== undefined) rows -= known.rows;
    batches.delete(key);
    batches.set(key, batch);
    rows += batch.rows;
    for (const [oldest, { rows: fewer }] of batches) {
      if (rows <= ROWS_MAX && batches.size <= BATCHES_MAX) break;
      batches.delete(oldest);
      rows -= fewer;
    }
    return batch;
  };
  return {
    append: (group) => log.append(group),
    cursor(stream, partition, offset): LogCursor {
      const cursor = log.cursor(stream, partition, offset);
      return {
        next() {
          const batch = cursor.next();
          return batch === null ? null : shared(batch);
        },
        wait: (signal) => cursor.wait(signal),
        get position() {
          return cursor.position;
        },
        close: () => cursor.close(),
      };
    },
    stream: (name) => log.stream(name),
    streams: () => log.streams(),
    range: (stream, partition) => log.range(stream, partition),
    arrivalClock: (stream) => log.arrivalClock(stream),
    reader: (id) => log.reader(id),
    holds: (id) => log.holds(id),
    registerReader: (id, positions) => log.registerReader(id, positions),
    removeReader: (id) => log.removeReader(id),
  };
}
