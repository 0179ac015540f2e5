/**
 * Plain objects as columns, at speed: what a transform's function gave back. The twin of
 * `rows-reader.ts`; a single object that is no event is a fault of its own and harms no other.
 *
 * A value is taken from the source row's column as it is stored there unless the object says
 * something else, so what was not touched passes unchanged, bytes that are no UTF-8 and JSON
 * numbers beyond 2^53 included. A column in which nothing changed is the source's own.
 *
 * State: one dictionary a column (`rows/patch-entries.ts`, bounded there).
 */
import { batchOf, type Column, type ColumnBatch } from '../event/columns.js';
import { gather } from '../event/gather.js';
import { constantInteger } from '../event/integers.js';
import type { Schema } from '../event/schema.js';
import { takeRows } from '../event/take-rows.js';
import { MillraceError } from '../util/errors.js';
import {
  changeKernel,
  type ChangeKernel,
  type Changes,
  type NoteChanges,
  type RowFault,
  type SourcePlace,
} from './rows/changes.js';
import { OwnDictionary, patchCodes, patchLists } from './rows/patch-entries.js';
import { patchTexts } from './rows/patch-texts.js';
import { patchBooleans, patchDoubles, patchIntegers, patchUuids, type Patch } from './rows/patch.js';
import { sameJson, sameList } from './rows/same.js';
import { sourceColumns, type SourceColumn } from './rows/source.js';
import { preview } from './rows/values.js';
import { KernelCache, shapeOf } from './shapes.js';

export type { RowFault } from './rows/changes.js';

/** The rows that objects were made from: `objects[i]` from row `rows[i]`; a row may come several times. */
export interface EventSource {
  readonly batch: ColumnBatch;
  readonly rows: ArrayLike<number>;
}

/** What became of the objects. */
export interface WrittenEvents {
  /** The objects that are no faults, in their order. */
  readonly batch: ColumnBatch;
  /** The others, in their order. */
  readonly faults: readonly RowFault[];
}

/**
 * Builds batches of one schema from objects. They take the values of `event/rows.ts`, a missing
 * property as null, and a `Date` for a timestamp. Faults: EVENT_TYPE, EVENT_FIELD_MISSING and
 * EVENT_FIELD_UNKNOWN, which name the column. What objects say of `received_at` counts only
 * without a source.
 */
export interface EventWriter {
  /** Starts a batch of objects made from rows of `source`, or of nothing. */
  begin(source?: ColumnBatch): EventBatchWriter;
  /** A batch of `objects` at once. */
  write(objects: readonly unknown[], source?: EventSource): WrittenEvents;
}

/** One batch of objects. Give each object as soon as it is there: it need not be kept, which is what makes objects dear. */
export interface EventBatchWriter {
  /** Takes an object, made from row `row` of the source. */
  add(event: unknown, row?: number): void;
  /** The batch of all of them. */
  finish(): WrittenEvents;
}

/** A writer of batches of `schema`. The source's schema may be another; columns of the same name and type are shared. */
export function eventWriter(schema: Schema): EventWriter {
  const dictionaries = schema.columns.map(() => new OwnDictionary());
  const kernels = new KernelCache<ChangeKernel>();
  const begin = (source?: ColumnBatch): BatchWriter => {
    const places = placesIn(schema, source);
    const key = places.map(({ index, shape }) => `${index}${shape}`).join();
    return new BatchWriter(
      schema,
      source ?? null,
      places,
      kernels.get(key, () => changeKernel(schema, places)),
      dictionaries,
    );
  };
  return {
    begin,
    write(objects, source) {
      const batch = begin(source?.batch);
      for (let i = 0; i < objects.length; i++) batch.add(objects[i], source?.rows[i]);
      return batch.finish();
    },
  };
}

class BatchWriter implements EventBatchWriter {
  readonly #schema: Schema;
  readonly #source: ColumnBatch | null;
  readonly #bound: readonly (SourceColumn | undefined)[];
  readonly #changes: readonly Changes[];
  readonly #dictionaries: readonly OwnDictionary[];
  readonly #note: NoteChanges;
  /** Of each object that was taken: the row that it was made from, and its position among all. */
  readonly #rows: number[] = [];
  readonly #positions: number[] = [];
  readonly #faults: RowFault[] = [];
  #count = 0;

  constructor(
    schema: Schema,
    source: ColumnBatch | null,
    places: readonly SourcePlace[],
    kernel: ChangeKernel,
    dictionaries: readonly OwnDictionary[],
  ) {
    this.#schema = schema;
    this.#source = source;
    const columns = source === null ? [] : sourceColumns(source);
    this.#bound = places.map(({ index }) => columns[index]);
    this.#changes = schema.columns.map(() => ({ rows: [], values: [] }));
    this.#dictionaries = dictionaries;
    this.#note = kernel(columns, this.#changes);
  }

  add(event: unknown, row = 0): void {
    const position = this.#count++;
    const taken = this.#rows.length;
    try {
      this.#note(event, row, taken);
      this.#rows.push(row);
      this.#positions.push(position);
    } catch (error) {
      for (const { rows, values } of this.#changes)
        if (rows.at(-1) === taken) rows.length = values.length = rows.length - 1;
      this.#faults.push({ row: position, error: asFault(error) });
    }
  }

  finish(): WrittenEvents {
    const count = this.#rows.length;
    const rows = Uint32Array.from(this.#rows);
    const isWhole = this.#source !== null && isAll(rows, this.#source.rows);
    // The first fault of an object is the one that is told.
    const faults = new Map<number, MillraceError>();
    const fault = (row: number, error: MillraceError) => void (faults.has(row) || faults.set(row, error));
    const columns = this.#schema.columns.map((definition, index) => {
      const from = this.#bound[index];
      const base = from === undefined ? null : isWhole ? from.column : takeRows(from.column, rows);
      const stamped = index === this.#schema.roles.receivedAt;
      const patch = { definition, stamped, base, count, changes: this.#changes[index]!, fault };
      if (from !== undefined) dropEqual(patch, from, rows);
      return columnOf(patch, this.#dictionaries[index]!);
    });
    for (const [row, error] of faults) this.#faults.push({ row: this.#positions[row]!, error });
    this.#faults.sort((left, right) => left.row - right.row);
    const batch = batchOf(this.#schema, count, columns);
    if (faults.size === 0) return { batch, faults: this.#faults };
    const kept = rows.map((_, row) => row).filter((row) => !faults.has(row));
    return { batch: gather(batch, kept), faults: this.#faults };
  }
}

/** Where the columns of `schema` are in the source: by name, and only of the same type. */
function placesIn(schema: Schema, source: ColumnBatch | undefined): SourcePlace[] {
  const from = source?.schema.columns ?? [];
  return schema.columns.map(({ name, type }, position) => {
    // Nearly always the same schema, so the same position.
    const same = from[position]?.name === name && from[position].type === type;
    const index = same ? position : from.findIndex((column) => column.name === name && column.type === type);
    return { index, shape: index < 0 ? 'b' : shapeOf(source!.column(index)) };
  });
}

function columnOf(patch: Patch, dictionary: OwnDictionary): Column {
  const { base, changes, stamped } = patch;
  if (base !== null && changes.rows.length === 0) return base;
  switch (patch.definition.type) {
    case 'uuid':
      return patchUuids(patch);
    case 'timestamp':
      if (stamped && changes.values.every((value) => (value ?? null) === null)) return constantInteger(0n);
      return patchIntegers(patch);
    case 'int64':
    case 'decimal':
      return patchIntegers(patch);
    case 'double':
      return patchDoubles(patch);
    case 'boolean':
      return patchBooleans(patch);
    case 'dictionary':
      return patchCodes(patch, dictionary);
    case 'list':
      return patchLists(patch, dictionary);
    case 'string':
    case 'json':
    case 'bytes':
      return patchTexts(patch);
  }
}

/** Whether `rows` are all rows of a batch, in order, so that its columns can be shared. */
function isAll(rows: Uint32Array, count: number): boolean {
  if (rows.length !== count) return false;
  for (let i = 0; i < count; i++) if (rows[i] !== i) return false;
  return true;
}

/** Leaves out the lists and JSON values that are what the source has. */
function dropEqual({ definition: { type }, base, changes }: Patch, from: SourceColumn, sourceRows: Uint32Array): void {
  if (type !== 'list' && type !== 'json') return;
  const { rows, values } = changes;
  let kept = 0;
  for (let k = 0; k < rows.length; k++) {
    const row = rows[k]!;
    const isEqual = type === 'list' ? sameList(values[k], base!, row) : sameJson(values[k], from, sourceRows[row]!);
    if (isEqual) continue;
    rows[kept] = row;
    values[kept++] = values[k];
  }
  rows.length = values.length = kept;
}

/** A property that throws when it is read is the event's fault as well. */
function asFault(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const message = error instanceof Error ? error.message : preview(error);
  return new MillraceError('EVENT_TYPE', `the event can't be read: ${message.slice(0, 200)}`, { cause: error });
}
