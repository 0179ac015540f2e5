/**
 * `file` and `stdout`: lines of JSON, added one behind the other.
 *
 * Guarantee: at least once. Each portion is written and, for a file, synced before it is committed; a
 * crash in between writes it again. What a crash tore at the end of a file is cut off at the next
 * start, so that every line is whole.
 */
import type { SinkOptionsOf } from '../../config/sinks/index.js';
import type { DiskFile } from '../../io/disk.js';
import { encodedBytes, jsonLines } from '../encoded.js';
import type { CutRows } from '../rows.js';
import type { Sink, SinkContext } from '../sink.js';

const NEWLINE = 0x0a;

/** Lines into one file; those of a replay into a file beside it, `<path>.replay-<id>`. */
export function createFileSink(options: SinkOptionsOf<'file'>, { disk, replay }: SinkContext): Sink {
  const path = replay === undefined ? options.path : `${options.path}.replay-${replay}`;
  let file: DiskFile | null = null;
  let end = 0;
  return {
    requestsMax: 1,
    async open() {
      file?.close();
      file = disk.open(path, 'create');
      end = await wholeLines(file);
    },
    requests: (rows) => [rows],
    async send({ rows }, receipt) {
      const bytes = lines(rows);
      await file!.write(bytes, end);
      await file!.sync();
      end += bytes.length;
      receipt.bytes += bytes.length;
      receipt.takeAll();
    },
    async close() {
      file?.close();
      file = null;
    },
  };
}

/** Lines to standard output. */
export function createStdoutSink(_options: SinkOptionsOf<'stdout'>, _context: SinkContext): Sink {
  return {
    requestsMax: 1,
    async open() {},
    requests: (rows) => [rows],
    async send({ rows }, receipt) {
      const bytes = lines(rows);
      // Resolves when the reader at the other end has taken it: a slow one slows only this delivery.
      await new Promise<void>((resolve, reject) => {
        process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
      receipt.bytes += bytes.length;
      receipt.takeAll();
    },
    async close() {},
  };
}

function lines(rows: CutRows): Uint8Array {
  return rows.count === 0 ? new Uint8Array(0) : encodedBytes(jsonLines(rows.schema), rows);
}

/** Cuts off a torn last line; answers where the next one goes. */
async function wholeLines(file: DiskFile): Promise<number> {
  const size = file.size();
  const piece = new Uint8Array(64 * 1024);
  for (let to = size; to > 0;) {
    const from = Math.max(0, to - piece.length);
    const read = file.readSync(piece, 0, to - from, from);
    const newline = piece.subarray(0, read).lastIndexOf(NEWLINE);
    if (newline >= 0) {
      const end = from + newline + 1;
      if (end < size) await file.truncate(end);
      return end;
    }
    to = from;
  }
  if (size > 0) await file.truncate(0);
  return 0;
}
