/**
 * Rows of a view as batches for a file: the form in which SQL and scans see them.
 *
 * Columns: `tenant`, `window_start`, `id` (see `row-id.ts`), `state`, then `c<n>` for each stored
 * column, n its position in the changes stream. Tombstones are left out.
 */
import type {
  BytesColumn,
  Column,
  ColumnBatch,
  DictionaryColumn,
  DoubleColumn,
  IntegerColumn,
} from '../event/columns.js';
import { batchOf } from '../event/columns.js';
import { Dictionary } from '../event/dictionary.js';
import type { ColumnType, Schema } from '../event/schema.js';
import type { RowLayout, StoredColumn } from './layout.js';
import {
  DELETED,
  STATE_BITS,
  STATES,
  type ColumnStore,
  type DoubleStore,
  type IntegerStore,
  type RowSet,
  type TextSource,
} from './row-set.js';
import { NULL_CODE } from './text-pool.js';

/** The schema of a view's files. */
export function fileSchema(layout: RowLayout): Schema {
  const column = (name: string, type: ColumnType, nullable: boolean) => ({ name, type, nullable });
  return {
    columns: [
      column('tenant', 'dictionary', false),
      column('window_start', 'timestamp', false),
      column('id', 'int64', false),
      column('state', 'dictionary', false),
      ...layout.columns.map((stored) => column(`c${stored.column}`, stored.type, true)),
    ],
    roles: { tenant: 0, eventId: -1, eventTime: 1, receivedAt: -1 },
  };
}

/** The rows at `picks`, in that order, as a batch of `schema`; picks that are tombstones are left out. */
export function exportRows(schema: Schema, rows: RowSet, picks: ArrayLike<number>): ColumnBatch {
  const live = Int32Array.from(picks).filter((row) => (rows.marks[row]! & DELETED) === 0);
  const count = live.length;
  const ids = new IntegerBuilder(count);
  const windows = new IntegerBuilder(count);
  for (let i = 0; i < count; i++) {
    ids.set(i, rows.ids[live[i]!]!);
    windows.set(i, rows.windows[live[i]!]!);
  }
  const columns: Column[] = [
    textColumn(rows.pool, rows.tenants, live),
    windows.column(),
    ids.column(),
    stateColumn(rows, live),
    ...rows.layout.columns.map((stored, index) => storedColumn(stored, rows.columns[index]!, rows.pool, live)),
  ];
  return batchOf(schema, count, columns);
}

class IntegerBuilder {
  readonly #deltas: Uint32Array;

  constructor(rows: number) {
    this.#deltas = new Uint32Array(rows * 2);
  }

  set(row: number, value: number): void {
    const high = Math.floor(value / 4294967296);
    this.#deltas[row * 2] = value - high * 4294967296;
    this.#deltas[row * 2 + 1] = high;
  }

  column(): IntegerColumn {
    return { kind: 'integer', nulls: null, base: 0n, width: 8, deltas: this.#deltas };
  }
}

function stateColumn(rows: RowSet, live: Int32Array): DictionaryColumn {
  const dictionary = new Dictionary();
  for (const state of STATES) dictionary.internString(state);
  return {
    kind: 'dictionary',
    nulls: null,
    codes: Uint8Array.from(live, (row) => rows.marks[row]! & STATE_BITS),
    dictionary,
  };
}

function storedColumn(stored: StoredColumn, store: ColumnStore, pool: TextSource, live: Int32Array): Column {
  if (store.kind === 'integer')
    return stored.type === 'boolean' ? booleanColumn(store, live) : integerColumn(store, live);
  if (store.kind === 'double')
    return {
      kind: 'double',
      nulls: nullsOf(store, live),
      values: Float64Array.from(live, (row) => store.values[row]!),
    } satisfies DoubleColumn;
  return stored.type === 'uuid' ? uuidColumn(pool, store.codes, live) : textColumn(pool, store.codes, live);
}

function nullsOf(store: IntegerStore | DoubleStore, live: Int32Array): Uint8Array | null {
  let nulls: Uint8Array | null = null;
  for (let i = 0; i < live.length; i++) if (store.nulls[live[i]!] === 1) setNull((nulls ??= bitmap(live.length)), i);
  return nulls;
}

function bitmap(rows: number): Uint8Array {
  return new Uint8Array((rows + 7) >> 3);
}

function setNull(nulls: Uint8Array, row: number): void {
  nulls[row >> 3]! |= 1 << (row & 7);
}

function integerColumn(store: IntegerStore, live: Int32Array): IntegerColumn {
  const deltas = new Uint32Array(live.length * 2);
  for (let i = 0; i < live.length; i++) {
    deltas[i * 2] = store.words[live[i]! * 2]!;
    deltas[i * 2 + 1] = store.words[live[i]! * 2 + 1]!;
  }
  return { kind: 'integer', nulls: nullsOf(store, live), base: 0n, width: 8, deltas };
}

function booleanColumn(store: IntegerStore, live: Int32Array): Column {
  return {
    kind: 'boolean',
    nulls: nullsOf(store, live),
    values: Uint8Array.from(live, (row) => store.words[row * 2]!),
  };
}

function uuidColumn(pool: TextSource, codes: Int32Array, live: Int32Array): Column {
  const data = new Uint8Array(live.length * 16);
  let nulls: Uint8Array | null = null;
  for (let i = 0; i < live.length; i++) {
    const code = codes[live[i]!]!;
    if (code === NULL_CODE) setNull((nulls ??= bitmap(live.length)), i);
    else data.set(pool.bytesOf(code), i * 16);
  }
  return { kind: 'uuid', nulls, data };
}

/** Texts with a dictionary while it holds them, as plain bytes beyond. */
function textColumn(pool: TextSource, from: Int32Array, live: Int32Array): DictionaryColumn | BytesColumn {
  const dictionary = new Dictionary();
  const known = new Map<number, number>();
  const codes = new Uint16Array(live.length);
  let nulls: Uint8Array | null = null;
  for (let i = 0; i < live.length; i++) {
    const code = from[live[i]!]!;
    if (code === NULL_CODE) {
      setNull((nulls ??= bitmap(live.length)), i);
      continue;
    }
    let own = known.get(code);
    if (own === undefined) {
      own = dictionary.intern(pool.bytesOf(code));
      if (own < 0) return bytesColumn(pool, from, live);
      known.set(code, own);
    }
    codes[i] = own;
  }
  return { kind: 'dictionary', nulls, codes, dictionary };
}

function bytesColumn(pool: TextSource, from: Int32Array, live: Int32Array): BytesColumn {
  const offsets = new Uint32Array(live.length + 1);
  let nulls: Uint8Array | null = null;
  for (let i = 0; i < live.length; i++) {
    const code = from[live[i]!]!;
    offsets[i + 1] = offsets[i]! + (code === NULL_CODE ? 0 : pool.bytesOf(code).length);
    if (code === NULL_CODE) setNull((nulls ??= bitmap(live.length)), i);
  }
  const data = new Uint8Array(offsets[live.length]!);
  for (let i = 0; i < live.length; i++)
    if (from[live[i]!] !== NULL_CODE) data.set(pool.bytesOf(from[live[i]!]!), offsets[i]!);
  return { kind: 'bytes', nulls, offsets, data };
}
