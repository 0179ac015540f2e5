/**
 * Rejected events as columns of the quarantine. A request may be rejected as a whole, 10,000 events at
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
} from '../event/columns.js';
import { Dictionary } from '../event/dictionary.js';
import { constantInteger } from '../event/integers.js';
import { QUARANTINE_SCHEMA } from '../event/internal.js';
import type { Rejected } from './quarantine.js';

const TEXT_MAX = 512;
const encoder = new TextEncoder();

/** The rows of `rejected`; an original above `eventBytesMax` is left out, its hash is there instead. */
export function quarantineBatch(rejected: readonly Rejected[], eventBytesMax: number): ColumnBatch {
  const isKept = ({ original }: Rejected): boolean => original.length <= eventBytesMax;
  const columns: Record<string, Column> = {
    tenant: dictionary(rejected, ({ tenant }) => tenant),
    stage: dictionary(rejected, () => 'collect'),
    stream: dictionary(rejected, ({ stream }) => stream),
    code: dictionary(rejected, ({ code }) => code),
    message: texts(rejected, ({ message }) => message.slice(0, TEXT_MAX)),
    path: dictionary(rejected, ({ path }) => (path === null || path === '' ? null : path.slice(0, TEXT_MAX))),
    index: integers(rejected, ({ index }) => index),
    attempts: constantInteger(1n),
    original: bytes(rejected, (one) => (isKept(one) ? one.original : null)),
    original_length: integers(rejected, ({ original }) => original.length),
    original_hash: texts(rejected, (one) =>
      isKept(one) ? null : createHash('sha256').update(one.original).digest('hex'),
    ),
    event_id: texts(rejected, ({ eventId }) => eventId),
  };
  return batchOf(
    QUARANTINE_SCHEMA,
    rejected.length,
    // The log stamps `received_at`.
    QUARANTINE_SCHEMA.columns.map(({ name }) => columns[name] ?? constantInteger(0n)),
  );
}

type Of<T> = (one: Rejected) => T;

/** Plain texts where they are too many for a dictionary: paths are the sender's. */
function dictionary(rejected: readonly Rejected[], textOf: Of<string | null>): DictionaryColumn | BytesColumn {
  const entries = new Dictionary();
  const known = new Map<string, number>();
  const codes = new Uint16Array(rejected.length);
  const nulls = new Nulls(rejected.length);
  for (let row = 0; row < rejected.length; row++) {
    const text = textOf(rejected[row]!);
    if (text === null) {
      nulls.set(row);
      continue;
    }
    let code = known.get(text);
    if (code === undefined) known.set(text, (code = entries.internString(text)));
    if (code < 0) return texts(rejected, textOf);
    codes[row] = code;
  }
  return { kind: 'dictionary', nulls: nulls.bits, codes, dictionary: entries };
}

function integers(rejected: readonly Rejected[], valueOf: Of<number>): IntegerColumn {
  const deltas = new Uint32Array(rejected.length);
  for (let row = 0; row < rejected.length; row++) deltas[row] = valueOf(rejected[row]!);
  return { kind: 'integer', nulls: null, base: 0n, width: 4, deltas };
}

/** Texts of at most a few hundred characters: all of them are written into one buffer. */
function texts(rejected: readonly Rejected[], textOf: Of<string | null>): BytesColumn {
  const offsets = new Uint32Array(rejected.length + 1);
  const nulls = new Nulls(rejected.length);
  let data = new Uint8Array(Math.max(1024, rejected.length * 64));
  let end = 0;
  for (let row = 0; row < rejected.length; row++) {
    const text = textOf(rejected[row]!);
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

function bytes(rejected: readonly Rejected[], bytesOf: Of<Uint8Array | null>): BytesColumn {
  const offsets = new Uint32Array(rejected.length + 1);
  const nulls = new Nulls(rejected.length);
  for (let row = 0; row < rejected.length; row++) {
    const value = bytesOf(rejected[row]!);
    if (value === null) nulls.set(row);
    offsets[row + 1] = offsets[row]! + (value?.length ?? 0);
  }
  const data = new Uint8Array(offsets[rejected.length]!);
  for (let row = 0; row < rejected.length; row++) {
    const value = bytesOf(rejected[row]!);
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
