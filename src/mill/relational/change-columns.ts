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
import { bitmapOf, copies, integers, lessBy } from './change-integers.js';

/** More than any code of a dictionary. */
const ROUND = 65_536;

/** See the head of the file. */
export class ChangeColumns {
  /** Values that their column could not hold; they are published as NULL. */
  errors = 0;
  readonly #view: RelationView;
  readonly #layout: RelationLayout;
  readonly #fieldOf: readonly number[];
  /** By a table's code the column in which it got its new one, and that: `round * ROUND + code`. */
  #codes = new Float64Array(0);
  /** The column that is being written, from 1. */
  #round = 0;

  /** `fieldOf`: by column of the stream the field that it shows, or -1. */
  constructor(view: RelationView, layout: RelationLayout, fieldOf: readonly number[]) {
    this.#view = view;
    this.#layout = layout;
    this.#fieldOf = fieldOf;
  }

  /** The batch of a block published in the moment `txn`. */
  batch(published: PublishedBlock, txn: number): ColumnBatch {
    const { schema } = this.#layout;
    const { count, vectors } = published.block;
    const ends = integers(this.#windowEnds(vectors, count), null);
    const columns = schema.columns.map((_, column) => this.#column(column, published, { ends, txn }));
    return batchOf(schema, published.block.count, columns);
  }

  #column(
    column: number,
    published: PublishedBlock,
    { ends, txn }: { readonly ends: IntegerColumn; readonly txn: number },
  ): Column {
    const { block, copyStep, firstCopy, operation, state } = published;
    const { count, vectors } = block;
    switch (column) {
      case this.#layout.schema.roles.receivedAt:
        return constantInteger(0n);
      case TENANT:
        return this.#tenants(vectors, count);
      case WINDOW_START:
        return lessBy(ends, this.#layout.windowMs);
      case WINDOW_END:
        return ends;
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
        return copies(firstCopy, copyStep, count);
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
      return integers(vector.values.subarray(0, count), vector.nulls, type === 'date' ? DAY_MS : 1);
    if (kind === 'numbers' && stored === 'double')
      return { kind: 'double', nulls: bitmapOf(vector.nulls, count), values: vector.values.slice(0, count) };
    if (kind === 'decimals' && stored === 'decimal' && vector.scale === DECIMAL_SCALE)
      return integers(vector.units.subarray(0, count), vector.nulls);
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
    if (this.#codes.length < texts.size) this.#codes = new Float64Array(texts.size * 2);
    const known = this.#codes;
    const round = ++this.#round * ROUND;
    const dictionary = new Dictionary();
    const own = new Uint16Array(count);
    let nulls: Uint8Array | null = null;
    for (let i = 0; i < count; i++) {
      const code = codes[i]!;
      if (code < 0) {
        (nulls ??= new Uint8Array((count + 7) >> 3))[i >> 3]! |= 1 << (i & 7);
        continue;
      }
      let now = known[code]! - round;
      if (now < 0) {
        now = appendTo(dictionary, texts, code);
        if (now < 0) return null;
        known[code] = round + now;
      }
      own[i] = now;
    }
    return { kind: 'dictionary', nulls, codes: own, dictionary };
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

function constantText(text: string, count: number): DictionaryColumn {
  const dictionary = new Dictionary();
  dictionary.internString(text);
  return { kind: 'dictionary', nulls: null, codes: new Uint8Array(count), dictionary };
}
