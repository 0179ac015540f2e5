/**
 * The `_id` of each row's document, as the inside of a JSON string, straight from the columns.
 *
 * | the stream has | `_id` |
 * |---|---|
 * | a tenant and an event id | `tenant~event id`; by choice the event id alone |
 * | only an event id | the event id |
 * | no event id | `stream/partition/offset@received_at`: where the row is in the log, the same at every attempt |
 *
 * What can't be an `_id` becomes `sha256:` and the hash of its bytes: the same event still has the same
 * `_id`, and no two events share one. That is so for an empty id, for more than 512 bytes, for what is no
 * UTF-8 or starts with a byte order mark, for a tenant that holds `~`, and for an id that looks like a hash.
 *
 * Limit: a redriven row of a stream without event ids has the place of its redrive. Where its first
 * attempt had arrived and only the answer got lost, it is there twice.
 */
import { isAscii, isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { SinkOptionsOf } from '../../../config/sinks/index.js';
import type { BytesColumn, Column, DictionaryColumn, UuidColumn } from '../../../event/columns.js';
import { uuidText } from '../../../event/uuid.js';
import { jsonEntries } from '../../../format/json/entries.js';
import { putUuid } from '../../../format/json/numbers.js';
import { ESCAPED_BYTES_MAX, putBytes, putString, putText } from '../../../format/json/text.js';
import { MillraceError } from '../../../util/errors.js';
import type { PlacedSlice } from '../../rows.js';

/** What an id is made of. */
export type DocumentId = SinkOptionsOf<'opensearch'>['documentId'];

/** Ids of the rows of one batch. */
export interface BatchIds {
  /** Bytes that must be free for `put`. */
  room(row: number): number;
  /** Writes the id of a row at `view[at]`; answers where it ended. */
  put(view: DataView, at: number, row: number): number;
}

/** The bound of OpenSearch and Elasticsearch. */
const ID_BYTES_MAX = 512;
const SEPARATOR = '~'.charCodeAt(0);
const UUID_BYTES = 36;
const HASH_PREFIX = 'sha256:';
const HASH_BYTES = HASH_PREFIX.length + 64;
const MARK = [0xef, 0xbb, 0xbf];
/** What a hash or a place takes at least, and what may be written behind a text. */
const SLACK = 128;

/** The ids of a slice's batch. */
export function documentIds(slice: PlacedSlice, documentId: DocumentId): BatchIds {
  const { batch } = slice;
  const { eventId, tenant } = batch.schema.roles;
  if (eventId < 0) return placeIds(slice);
  const id = partOf(batch.column(eventId), false);
  if (documentId === 'event' || tenant < 0) return eventIds(id);
  return tenantEventIds(partOf(batch.column(tenant), true), id);
}

function placeIds({ stream, partition, baseOffset, receivedAt }: PlacedSlice): BatchIds {
  const text = (row: number): string => `${stream}/${partition}/${baseOffset + row}@${receivedAt}`;
  return { room: () => stream.length + SLACK, put: (view, at, row) => putString(view, at, text(row)) };
}

function eventIds(id: IdPart): BatchIds {
  return {
    room: (row) => id.room(row) + SLACK,
    put(view, at, row) {
      const length = id.length(row);
      if (length > 0 && length <= ID_BYTES_MAX && id.isPlain(row) && !isLikeHash(id, row)) return id.put(view, at, row);
      return putString(view, at, HASH_PREFIX + createHash('sha256').update(id.bytes(row)).digest('hex'));
    },
  };
}

function tenantEventIds(owner: IdPart, id: IdPart): BatchIds {
  return {
    room: (row) => owner.room(row) + id.room(row) + SLACK,
    put(view, at, row) {
      const length = id.length(row);
      if (length > 0 && owner.length(row) + 1 + length <= ID_BYTES_MAX && owner.isPlain(row) && id.isPlain(row)) {
        const end = owner.put(view, at, row);
        view.setUint8(end, SEPARATOR);
        return id.put(view, end + 1, row);
      }
      // With its length the tenant can't run into the id.
      const hash = createHash('sha256')
        .update(`${owner.length(row)}:`)
        .update(owner.bytes(row))
        .update(id.bytes(row));
      return putString(view, at, HASH_PREFIX + hash.digest('hex'));
    },
  };
}

/** One column's share of an id. */
interface IdPart {
  /** Bytes of the value, not escaped. */
  length(row: number): number;
  bytes(row: number): Uint8Array;
  /** Whether it can stand in an id as it is. */
  isPlain(row: number): boolean;
  /** Bytes of the value, escaped, at the most. */
  room(row: number): number;
  put(view: DataView, at: number, row: number): number;
}

function partOf(column: Column, isOwner: boolean): IdPart {
  switch (column.kind) {
    case 'uuid':
      return uuidPart(column);
    case 'bytes':
      return bytesPart(column, isOwner);
    case 'dictionary':
      return dictionaryPart(column, isOwner);
    default:
      throw new MillraceError('BATCH_INVALID', `an id or a tenant can't be a column of kind ${column.kind}`);
  }
}

function uuidPart({ data }: UuidColumn): IdPart {
  return {
    length: () => UUID_BYTES,
    bytes: (row) => Buffer.from(uuidText(data, row * 16)),
    isPlain: () => true,
    room: () => UUID_BYTES,
    put: (view, at, row) => putUuid(view, at, data, row * 16),
  };
}

function bytesPart({ offsets, data }: BytesColumn, isOwner: boolean): IdPart {
  const source = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const bytes = (row: number): Uint8Array => data.subarray(offsets[row], offsets[row + 1]);
  const length = (row: number): number => offsets[row + 1]! - offsets[row]!;
  // Asked once a batch, since most ids are ASCII.
  const isSimple = !isOwner && isAscii(data);
  return {
    length,
    bytes,
    isPlain: (row) => isSimple || isPlainText(bytes(row), isOwner),
    room: (row) => length(row) * ESCAPED_BYTES_MAX,
    put: (view, at, row) => putText(view, at, source, offsets[row]!, offsets[row + 1]!),
  };
}

function dictionaryPart({ codes, dictionary }: DictionaryColumn, isOwner: boolean): IdPart {
  const { view: source, offsets: ends } = jsonEntries.of(dictionary);
  const { offsets } = dictionary;
  const bytes = (row: number): Uint8Array => dictionary.bytesOf(codes[row]!);
  const plain = new Int8Array(dictionary.size);
  const isPlain = (row: number): boolean => {
    const code = codes[row]!;
    if (plain[code] === 0) plain[code] = isPlainText(bytes(row), isOwner) ? 1 : -1;
    return plain[code] === 1;
  };
  return {
    length: (row) => offsets[codes[row]! + 1]! - offsets[codes[row]!]!,
    bytes,
    isPlain,
    room: (row) => ends[codes[row]! + 1]! - ends[codes[row]!]!,
    // An entry brings its closing quote and a comma, which are of another place.
    put: (view, at, row) => putBytes(view, at, source, ends[codes[row]!]!, ends[codes[row]! + 1]! - 2),
  };
}

function isPlainText(bytes: Uint8Array, isOwner: boolean): boolean {
  return isUtf8(bytes) && !MARK.every((byte, i) => bytes[i] === byte) && !(isOwner && bytes.includes(SEPARATOR));
}

function isLikeHash(id: IdPart, row: number): boolean {
  return id.length(row) === HASH_BYTES && Buffer.from(id.bytes(row)).toString('latin1').startsWith(HASH_PREFIX);
}
