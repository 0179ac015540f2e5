/** Blocks that a dataflow publishes, as batches of the view's changes stream: a column at a time. */
import {
  batchOf,
  type Column,
  type ColumnBatch,
  type DictionaryColumn,
  type IntegerColumn,
} from '../../event/columns.js';
import { Dictionary } from '../../event/dictionary.js';
import { constantInteger } from '../../event/integers.js';
import { DECIMAL_SCALE, type ColumnType } from '../../event/schema.js';
import { DAY_MS } from '../../sql/calendar.js';
import {
  OPERATION,
  REASON,
  STATE,
  storedValue,
  TENANT,
  TXN,
  WINDOW_END,
  WINDOW_START,
} from '../../sql/changes-columns.js';
import { columnBuilder } from '../../sql/column-builder.js';
import type { RelationLayout } from '../../sql/describe-relation.js';
import type { SqlType } from '../../sql/plan.js';
import type { RelationView } from '../../sql/relation/relation.js';
import { textOf } from '../../sql/text-value.js';
import type { Value } from '../../sql/value.js';
import { MillraceError } from '../../util/errors.js';
import { valueOf, type TextTable, type TextVector, type Vector } from '../dataflow/block.js';
import type { PublishedBlock } from '../dataflow/publication.js';

const WORD = 4_294_967_296;
const UNKNOWN = -1;

/** See the head of the file. */
export class ChangeColumns {
  /** Values that their column could not hold; they are published as NULL. */
  errors = 0;
  readonly #view: RelationView;
  readonly #layout: RelationLayout;
  readonly #fieldOf: readonly number[];
  /** The new code of each of a table's codes, of the column that is being written. */
  #codes = new Int32Array(0);

  /** `fieldOf`: by column of the stream the field that it shows, or -1. */
  constructor(view: RelationView, layout: RelationLayout, fieldOf: readonly number[]) {
    this.#view = view;
    this.#layout = layout;
    this.#fieldOf = fieldOf;
  }

  /** The batch of a block published in the moment `txn`. */
  batch(published: PublishedBlock, txn: number): ColumnBatch {
    const { schema } = this.#layout;
    const columns = schema.columns.map((_, column) => this.#column(column, published, txn));
    return batchOf(schema, published.block.count, columns);
  }

  #column(column: number, published: PublishedBlock, txn: number): Column {
    const { block, copyStep, firstCopy, operation, state } = published;
    const { count, vectors } = block;
    switch (column) {
      case this.#layout.schema.roles.receivedAt:
        return constantInteger(0n);
      case TENANT:
        return this.#tenants(vectors, count);
      case WINDOW_START:
        return integers(this.#windowEnds(vectors, count), -this.#layout.windowMs, null);
      case WINDOW_END:
        return integers(this.#windowEnds(vectors, count), 0, null);
      case OPERATION:
        return constantText(operation, count);
      case STATE:
        return constantText(state, count);
      case REASON:
        if (state === 'corrected') return constantText('late', count);
        return { ...constantText('', count), nulls: new Uint8Array((count + 7) >> 3).fill(255) };
      case TXN:
        return constantInteger(BigInt(txn));
      case this.#layout.copy:
        return integers(copiesOf(firstCopy, copyStep, count), 0, null);
      default: {
        const field = this.#fieldOf[column]!;
        const { type } = this.#view.relation.fields[field]!;
        return this.#field(vectors[field]!, type, this.#layout.schema.columns[column]!.type, count);
      }
    }
  }

  #tenants(vectors: readonly Vector[], count: number): Column {
    const { tenant } = this.#view;
    if (tenant === null) return constantText('', count);
    const vector = vectors[tenant]!;
    const texts = vector.kind === 'texts' && !vector.codes.includes(-1) ? this.#dictionary(vector, count) : null;
    return texts ?? this.#values('dictionary', count, (i) => valueOf(vector, i) ?? '');
  }

  #windowEnds(vectors: readonly Vector[], count: number): Float64Array {
    const { closes } = this.#view;
    const { hasWindows, windowMs } = this.#layout;
    const ends = new Float64Array(count);
    const times = closes === null ? null : vectors[closes]!;
    if (times === null) return ends.fill(windowEndOf(0, this.#layout));
    if (times.kind === 'numbers' && times.nulls === null) {
      if (hasWindows) ends.set(times.values.subarray(0, count));
      else for (let i = 0; i < count; i++) ends[i] = (Math.floor(times.values[i]! / windowMs) + 1) * windowMs;
    } else for (let i = 0; i < count; i++) ends[i] = windowEndOf(valueOf(times, i), this.#layout);
    return ends;
  }

  #field(vector: Vector, type: SqlType, stored: ColumnType, count: number): Column {
    const { kind } = vector;
    if (kind === 'numbers' && (stored === 'int64' || stored === 'timestamp'))
      return integers(vector.values.subarray(0, count), 0, vector.nulls, type === 'date' ? DAY_MS : 1);
    if (kind === 'numbers' && stored === 'double')
      return { kind: 'double', nulls: bitmapOf(vector.nulls, count), values: vector.values.slice(0, count) };
    if (kind === 'decimals' && stored === 'decimal' && vector.scale === DECIMAL_SCALE)
      return integers(vector.units.subarray(0, count), 0, vector.nulls);
    const texts = kind === 'texts' && stored === 'dictionary' ? this.#dictionary(vector, count) : null;
    if (texts !== null) return texts;
    const value = columnValue(type, stored);
    return this.#values(stored, count, (i) => value(valueOf(vector, i)));
  }

  #values(type: ColumnType, count: number, read: (row: number) => Value): Column {
    const builder = columnBuilder(type);
    for (let i = 0; i < count; i++) {
      try {
        builder.add(read(i));
      } catch (error) {
        if (!(error instanceof MillraceError)) throw error;
        this.errors++;
        builder.add(null);
      }
    }
    return builder.build();
  }

  /** Texts under codes of a dictionary of their own; null where it would be too large. */
  #dictionary({ codes, texts }: TextVector, count: number): DictionaryColumn | null {
    if (this.#codes.length < texts.size) this.#codes = new Int32Array(texts.size * 2).fill(UNKNOWN);
    const known = this.#codes;
    const dictionary = new Dictionary();
    const own = new Uint16Array(count);
    let nulls: Uint8Array | null = null;
    let isFull = false;
    for (let i = 0; i < count && !isFull; i++) {
      const code = codes[i]!;
      if (code < 0) {
        (nulls ??= new Uint8Array((count + 7) >> 3))[i >> 3]! |= 1 << (i & 7);
        continue;
      }
      if (known[code] === UNKNOWN) known[code] = appendTo(dictionary, texts, code);
      isFull = known[code] === UNKNOWN;
      own[i] = known[code]!;
    }
    for (let i = 0; i < count; i++) if (codes[i]! >= 0) known[codes[i]!] = UNKNOWN;
    return isFull ? null : { kind: 'dictionary', nulls, codes: own, dictionary };
  }
}

/** Adds a text that it has not yet. */
function appendTo(dictionary: Dictionary, texts: TextTable, code: number): number {
  if (!(texts instanceof Dictionary)) return dictionary.appendString(texts.stringOf(code));
  return dictionary.append(texts.data, texts.offsets[code]!, texts.offsets[code + 1]!);
}

/** The end of the window that a row is kept by, ms; `closes`: what its field of that name says. */
export function windowEndOf(closes: Value | undefined, { hasWindows, windowMs }: RelationLayout): number {
  if (typeof closes !== 'number') return windowMs;
  return hasWindows ? closes : (Math.floor(closes / windowMs) + 1) * windowMs;
}

/** A value as its column holds it: what has no column type of its own, as text. */
export function columnValue(type: SqlType, column: ColumnType): (value: Value) => Value {
  const isText = column === 'string' || column === 'dictionary';
  if (type !== 'numeric' || !isText) return storedValue(type);
  return (value) => (value === null ? null : textOf(value, type));
}

function copiesOf(first: number, step: number, count: number): Float64Array {
  const copies = new Float64Array(count);
  for (let i = 0; i < count; i++) copies[i] = first + i * step;
  return copies;
}

/** `(values + plus) * times` as 64-bit integers. */
function integers(values: Float64Array, plus: number, nulls: Uint8Array | null, times = 1): IntegerColumn {
  const deltas = new Uint32Array(values.length * 2);
  for (let i = 0; i < values.length; i++) {
    const value = (values[i]! + plus) * times;
    const high = Math.floor(value / WORD);
    deltas[2 * i] = value - high * WORD;
    deltas[2 * i + 1] = high;
  }
  return { kind: 'integer', nulls: bitmapOf(nulls, values.length), base: 0n, width: 8, deltas };
}

/** A byte a row as a bitmap. */
function bitmapOf(nulls: Uint8Array | null, count: number): Uint8Array | null {
  if (nulls === null) return null;
  const bitmap = new Uint8Array((count + 7) >> 3);
  for (let i = 0; i < count; i++) bitmap[i >> 3]! |= nulls[i]! << (i & 7);
  return bitmap;
}

function constantText(text: string, count: number): DictionaryColumn {
  const dictionary = new Dictionary();
  dictionary.internString(text);
  return { kind: 'dictionary', nulls: null, codes: new Uint8Array(count), dictionary };
}
