/**
 * Failed events as columns of the quarantine. A request may be rejected as a whole, 10,000 events at
 * once, on the thread that answers everybody else: so no object a row.
 */
import { createHash } from 'node:crypto';
import {
  batchOf,
  type BytesColumn,
  type Column,
  type ColumnBatch,
  type DictionaryColumn,
  type IntegerColumn,
} from './columns.js';
import { Dictionary } from './dictionary.js';
import { constantInteger, integersFrom } from './integers.js';
import { QUARANTINE_SCHEMA } from './internal.js';
import type { FailedEvent } from './quarantine.js';

const TEXT_MAX = 512;
const encoder = new TextEncoder();

/** The rows of `failed`; an original above `eventBytesMax` is left out, its hash is there instead. */
export function quarantineBatch(failed: readonly FailedEvent[], eventBytesMax: number): ColumnBatch {
  const isKept = ({ original }: FailedEvent): boolean => original.length <= eventBytesMax;
  const columns: Record<string, Column> = {
    tenant: dictionary(failed, ({ tenant }) => tenant),
    stage: dictionary(failed, ({ stage }) => stage ?? 'collect'),
    stream: dictionary(failed, ({ stream }) => stream),
    code: dictionary(failed, ({ code }) => code),
    message: texts(failed, ({ message }) => message.slice(0, TEXT_MAX)),
    path: dictionary(failed, ({ path }) => (path === null || path === '' ? null : path.slice(0, TEXT_MAX))),
    index: integers(failed, ({ index }) => index),
    attempts: integers(failed, ({ attempts }) => attempts ?? 1),
    original: bytes(failed, (one) => (isKept(one) ? one.original : null)),
    original_length: integers(failed, ({ original }) => original.length),
    original_hash: texts(failed, (one) =>
      isKept(one) ? null : createHash('sha256').update(one.original).digest('hex'),
    ),
    event_id: texts(failed, ({ eventId }) => eventId),
    reader: dictionary(failed, ({ reader }) => reader ?? null),
    partition: longs(failed, ({ place }) => place?.partition ?? null),
    offset: longs(failed, ({ place }) => place?.offset ?? null),
    first_at: longs(failed, ({ times }) => times?.firstMs ?? null),
    last_at: longs(failed, ({ times }) => times?.lastMs ?? null),
  };
  return batchOf(
    QUARANTINE_SCHEMA,
    failed.length,
    // The log stamps `received_at`.
    QUARANTINE_SCHEMA.columns.map(({ name }) => columns[name] ?? constantInteger(0n)),
  );
}

type Of<T> = (one: FailedEvent) => T;

/** Plain texts where they are too many for a dictionary: paths are the sender's. */
function dictionary(failed: readonly FailedEvent[], textOf: Of<string | null>): DictionaryColumn | BytesColumn {
  const entries = new Dictionary();
  const known = new Map<string, number>();
  const codes = new Uint16Array(failed.length);
  const nulls = new Nulls(failed.length);
  for (let row = 0; row < failed.length; row++) {
    const text = textOf(failed[row]!);
    if (text === null) {
      nulls.set(row);
      continue;
    }
    let code = known.get(text);
    if (code === undefined) known.set(text, (code = entries.internString(text)));
    if (code < 0) return texts(failed, textOf);
    codes[row] = code;
  }
  return { kind: 'dictionary', nulls: nulls.bits, codes, dictionary: entries };
}

function integers(failed: readonly FailedEvent[], valueOf: Of<number>): IntegerColumn {
  const deltas = new Uint32Array(failed.length);
  for (let row = 0; row < failed.length; row++) deltas[row] = valueOf(failed[row]!);
  return { kind: 'integer', nulls: null, base: 0n, width: 4, deltas };
}

/** Whole numbers of any size, or nulls; an event that never came to the log has none of them. */
function longs(failed: readonly FailedEvent[], valueOf: Of<number | null>): IntegerColumn {
  const nulls = new Nulls(failed.length);
  const values = failed.map((one, row) => {
    const value = valueOf(one);
    if (value === null) nulls.set(row);
    return BigInt(Math.trunc(value ?? 0));
  });
  return integersFrom(values, nulls.bits);
}

/** Texts of at most a few hundred characters: all of them are written into one buffer. */
function texts(failed: readonly FailedEvent[], textOf: Of<string | null>): BytesColumn {
  const offsets = new Uint32Array(failed.length + 1);
  const nulls = new Nulls(failed.length);
  let data = new Uint8Array(Math.max(1024, failed.length * 64));
  let end = 0;
  for (let row = 0; row < failed.length; row++) {
    const text = textOf(failed[row]!);
    if (text === null) nulls.set(row);
    else {
      if (data.length - end < text.length * 3) {
        const larger = new Uint8Array(data.length * 2 + text.length * 3);
        larger.set(data.subarray(0, end));
        data = larger;
      }
      end += encoder.encodeInto(text, data.subarray(end)).written;
    }
    offsets[row + 1] = end;
  }
  return { kind: 'bytes', nulls: nulls.bits, offsets, data: data.subarray(0, end) };
}

function bytes(failed: readonly FailedEvent[], bytesOf: Of<Uint8Array | null>): BytesColumn {
  const offsets = new Uint32Array(failed.length + 1);
  const nulls = new Nulls(failed.length);
  for (let row = 0; row < failed.length; row++) {
    const value = bytesOf(failed[row]!);
    if (value === null) nulls.set(row);
    offsets[row + 1] = offsets[row]! + (value?.length ?? 0);
  }
  const data = new Uint8Array(offsets[failed.length]!);
  for (let row = 0; row < failed.length; row++) {
    const value = bytesOf(failed[row]!);
    if (value !== null) data.set(value, offsets[row]!);
  }
  return { kind: 'bytes', nulls: nulls.bits, offsets, data };
}

/** A bitmap that is made with the first null. */
class Nulls {
  bits: Uint8Array | null = null;
  readonly #rows: number;

  constructor(rows: number) {
    this.#rows = rows;
  }

  set(row: number): void {
    this.bits ??= new Uint8Array((this.#rows + 7) >> 3);
    this.bits[row >> 3]! |= 1 << (row & 7);
  }
}
