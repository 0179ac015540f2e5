/**
 * The body of a `_bulk` request: for each row a line that says where it goes, and the row's own line.
 *
 *   {"index":{"_index":"events-2026-01-31","_id":"acme~e-1"}}
 *   {"id":"e-1","tenant":"acme",…}
 *
 * The rows' lines are those that other deliveries of the thread share; ids come straight from the columns.
 * `index` and not `create`: a resend puts the same document over itself.
 */
import type { Column, IntegerColumn } from '../../../event/columns.js';
import { numberAt } from '../../../event/integers.js';
import { LineTarget } from '../../../format/target.js';
import { encodedBatch, type RowEncoder } from '../../encoded.js';
import { MillraceError } from '../../../util/errors.js';
import type { CutRows, PlacedSlice } from '../../rows.js';
import { documentIds, type DocumentId } from './document-ids.js';
import type { IndexNames } from './rotation.js';

/** Bytes beside a row's own line, about: for `divide`. */
export const ACTION_BYTES = 128;

/** `"}}` and a line break, behind the id. */
const TAIL = 0x0a7d7d22;
const TAIL_BYTES = 4;
const SLACK = 64;

/** Makes the bodies of one sink. */
export class BulkBodies {
  readonly #lines: RowEncoder;
  readonly #names: IndexNames;
  readonly #documentId: DocumentId;
  readonly #heads = new Map<string, Uint8Array>();

  constructor(lines: RowEncoder, names: IndexNames, documentId: DocumentId) {
    this.#lines = lines;
    this.#names = names;
    this.#documentId = documentId;
  }

  /** The body for these rows. */
  body(rows: CutRows): Uint8Array<ArrayBuffer> {
    const target = new LineTarget(Number.MAX_SAFE_INTEGER);
    target.start(this.#estimate(rows));
    let at = 0;
    rows.eachSlice((slice, _first, count) => {
      at = this.#slice(slice, count, target, at);
    });
    return target.take(at);
  }

  #slice(slice: PlacedSlice, count: number, target: LineTarget, start: number): number {
    const { batch, rows } = slice;
    const { data, offsets } = encodedBatch(this.#lines, batch);
    const ids = documentIds(slice, this.#documentId);
    const stamps = stampsOf(batch.column(batch.schema.roles.receivedAt));
    const isOneStamp = stamps.width === 0;
    let { view } = target;
    let bytes = bytesOf(view);
    let head = this.#head(numberAt(stamps, 0));
    let at = start;
    for (let i = 0; i < count; i++) {
      const row = rows === null ? i : rows[i]!;
      const from = offsets[row]!;
      const to = offsets[row + 1]!;
      if (!isOneStamp) head = this.#head(numberAt(stamps, row));
      const room = head.length + ids.room(row) + (to - from) + SLACK;
      if (at + room > view.byteLength) {
        target.grow(at, room);
        ({ view } = target);
        bytes = bytesOf(view);
      }
      bytes.set(head, at);
      at = ids.put(view, at + head.length, row);
      view.setUint32(at, TAIL, true);
      at += TAIL_BYTES;
      bytes.set(data.subarray(from, to), at);
      at += to - from;
    }
    return at;
  }

  /** What stands before the id. */
  #head(receivedAt: number): Uint8Array {
    const name = this.#names.at(receivedAt);
    let head = this.#heads.get(name);
    if (head === undefined) {
      // Rows of a cut are of a few indexes; redriven ones may be of many.
      if (this.#heads.size >= 64) this.#heads.clear();
      this.#heads.set(name, (head = Buffer.from(`{"index":{"_index":${JSON.stringify(name)},"_id":"`)));
    }
    return head;
  }

  #estimate(rows: CutRows): number {
    let bytes = 4096;
    rows.eachSlice(({ batch }, _first, count) => {
      const { offsets } = encodedBatch(this.#lines, batch);
      if (batch.rows > 0) bytes += Math.ceil((offsets[batch.rows]! / batch.rows + ACTION_BYTES) * 1.1) * count;
    });
    return bytes;
  }
}

function bytesOf(view: DataView<ArrayBuffer>): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function stampsOf(column: Column): IntegerColumn {
  if (column.kind === 'integer') return column;
  throw new MillraceError('BATCH_INVALID', `stamps can't be a column of kind ${column.kind}`);
}
