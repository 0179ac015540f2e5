/**
 * Rows of many batches, in any order, into one batch: what merging needs.
 *
 * Dictionaries of the sources become one that lives as long as the picker; codes go through lookup
 * tables by dictionary identity. When it is full the picker starts a new one, and a column that
 * does not even fit an empty one comes out as plain bytes.
 *
 * A picker reuses its arrays: they are large, and the garbage collector would otherwise take longer
 * than the picking.
 */
import {
  batchOf,
  type BytesColumn,
  type BytesListColumn,
  type Column,
  type ColumnBatch,
  type DictionaryColumn,
  type IntegerColumn,
  type ListColumn,
} from '../event/columns.js';
import { Dictionary } from '../event/dictionary.js';
import { gatherSlices } from '../event/gather.js';
import { integerAt } from '../event/integers.js';
import type { Schema } from '../event/schema.js';

/** Row i of the result is row `rows[i]` of `batches[which[i]]`, for i below `count`. */
export interface Picks {
  readonly batches: readonly ColumnBatch[];
  readonly which: Uint32Array;
  readonly rows: Uint32Array;
  readonly start: number;
  readonly count: number;
}

interface Table {
  dictionary: Dictionary;
  lookups: WeakMap<Dictionary, Int32Array>;
}

/** Arrays for one column's parts, the same again when they suffice. */
type Space = (part: string, bytes: number) => ArrayBuffer;

/** Picks rows; one per output file. */
export class Picker {
  readonly #schema: Schema;
  readonly #tables = new Map<number, Table>();
  readonly #spaces = new Map<string, ArrayBuffer>();

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  #space(index: number): Space {
    return (part, bytes) => {
      const key = `${index} ${part}`;
      let space = this.#spaces.get(key);
      if (space === undefined || space.byteLength < bytes)
        this.#spaces.set(key, (space = new ArrayBuffer(Math.max(4096, bytes * 1.5) & ~7)));
      return space;
    };
  }

  /** The picked rows as a batch, valid until the next `pick`. */
  pick(picks: Picks): ColumnBatch {
    const columns: Column[] = this.#schema.columns.map((_, index) => this.#column(index, picks));
    return batchOf(this.#schema, picks.count, columns);
  }

  #column(index: number, picks: Picks): Column {
    const sources = picks.batches.map((batch) => batch.column(index));
    const kinds = new Set(sources.map((source) => source.kind));
    const space = this.#space(index);
    const nulls = pickNulls(sources, picks, space);
    if (kinds.size > 1) return pickSlowly(index, picks);
    switch (sources[0]!.kind) {
      case 'integer':
        return {
          kind: 'integer',
          nulls,
          base: 0n,
          width: 8,
          deltas: pickIntegers(sources as IntegerColumn[], picks, space),
        };
      case 'uuid':
        return { kind: 'uuid', nulls, data: pickFixed(sources as { data: Uint8Array }[], picks, space) };
      case 'double': {
        const values = new Float64Array(space('values', picks.count * 8), 0, picks.count);
        each(picks, (which, row, out) => (values[out] = (sources[which] as { values: Float64Array }).values[row]!));
        return { kind: 'double', nulls, values };
      }
      case 'boolean': {
        const values = new Uint8Array(space('values', picks.count), 0, picks.count);
        each(picks, (which, row, out) => (values[out] = (sources[which] as { values: Uint8Array }).values[row]!));
        return { kind: 'boolean', nulls, values };
      }
      case 'bytes':
        return pickBytes(sources as BytesColumn[], picks, nulls, space);
      case 'dictionary':
        return this.#pickCodes(index, sources as DictionaryColumn[], picks, nulls);
      case 'list':
        return this.#pickLists(index, sources as ListColumn[], picks, nulls);
      default:
        return pickSlowly(index, picks);
    }
  }

  #pickCodes(index: number, sources: readonly DictionaryColumn[], picks: Picks, nulls: Uint8Array | null): Column {
    const codes = new Uint16Array(this.#space(index)('codes', picks.count * 2), 0, picks.count);
    codes.fill(0);
    for (let attempt = 0; attempt < 2; attempt++) {
      const table = this.#table(index, attempt > 0);
      const lookups = sources.map((source) => lookupOf(table, source.dictionary));
      if (translate(sources, picks, nulls, table, lookups, codes))
        return { kind: 'dictionary', nulls, codes, dictionary: table.dictionary };
    }
    return pickSlowly(index, picks);
  }

  #pickLists(index: number, sources: readonly ListColumn[], picks: Picks, nulls: Uint8Array | null): Column {
    const offsets = new Uint32Array(picks.count + 1);
    let items = 0;
    each(
      picks,
      (which, row, out) =>
        (offsets[out + 1] = items += sources[which]!.offsets[row + 1]! - sources[which]!.offsets[row]!),
    );
    const codes = new Uint16Array(items);
    for (let attempt = 0; attempt < 2; attempt++) {
      const table = this.#table(index, attempt > 0);
      const lookups = sources.map((source) => lookupOf(table, source.dictionary));
      let at = 0;
      let full = false;
      each(picks, (which, row) => {
        const source = sources[which]!;
        for (let item = source.offsets[row]!; item < source.offsets[row + 1]! && !full; item++) {
          const code = codeOf(table, lookups[which]!, source.dictionary, source.codes[item]!);
          if (code < 0) full = true;
          else codes[at++] = code;
        }
      });
      if (!full) return { kind: 'list', nulls, offsets, codes, dictionary: table.dictionary };
    }
    return pickSlowly(index, picks);
  }

  #table(index: number, fresh: boolean): Table {
    let table = this.#tables.get(index);
    if (table === undefined || fresh)
      this.#tables.set(index, (table = { dictionary: new Dictionary(), lookups: new WeakMap() }));
    return table;
  }
}

function each(picks: Picks, visit: (which: number, row: number, out: number) => void): void {
  const { which, rows, start, count } = picks;
  for (let i = 0; i < count; i++) visit(which[start + i]!, rows[start + i]!, i);
}

function isSet(nulls: Uint8Array | null, row: number): boolean {
  return nulls !== null && ((nulls[row >> 3]! >> (row & 7)) & 1) === 1;
}

function pickNulls(sources: readonly Column[], picks: Picks, space: Space): Uint8Array | null {
  if (sources.every((source) => source.nulls === null)) return null;
  const { which, rows, start, count } = picks;
  const nulls = new Uint8Array(space('nulls', (count + 7) >> 3), 0, (count + 7) >> 3);
  nulls.fill(0);
  let any = 0;
  for (let i = 0; i < count; i++) {
    const from = sources[which[start + i]!]!.nulls;
    if (from === null) continue;
    const row = rows[start + i]!;
    const bit = (from[row >> 3]! >> (row & 7)) & 1;
    any |= bit;
    nulls[i >> 3]! |= bit << (i & 7);
  }
  return any === 0 ? null : nulls;
}

const WORD = 4_294_967_296;

function pickIntegers(sources: readonly IntegerColumn[], picks: Picks, space: Space): Uint32Array {
  const { which, rows, start, count } = picks;
  const words = new Uint32Array(space('words', count * 8), 0, count * 2);
  const bases = sources.map((source) => Number(source.base));
  const exact = sources.map((source, i) =>
    source.width === 8 ? source.base === 0n : Math.abs(bases[i]!) < Number.MAX_SAFE_INTEGER - WORD,
  );
  for (let i = 0; i < count; i++) {
    const at = which[start + i]!;
    const row = rows[start + i]!;
    const source = sources[at]!;
    if (!exact[at]) {
      const value = integerAt(source, row);
      words[i * 2] = Number(value & 0xffffffffn);
      words[i * 2 + 1] = Number((value >> 32n) & 0xffffffffn);
    } else if (source.width === 8) {
      words[i * 2] = source.deltas[row * 2]!;
      words[i * 2 + 1] = source.deltas[row * 2 + 1]!;
    } else {
      const value = source.width === 0 ? bases[at]! : bases[at]! + source.deltas[row]!;
      const high = Math.floor(value / WORD);
      words[i * 2] = value - high * WORD;
      words[i * 2 + 1] = high;
    }
  }
  return words;
}

function pickFixed(sources: readonly { data: Uint8Array }[], picks: Picks, space: Space): Uint8Array {
  const { which, rows, start, count } = picks;
  const data = new Uint8Array(space('data', count * 16), 0, count * 16);
  for (let i = 0; i < count; i++) {
    const from = sources[which[start + i]!]!.data;
    for (let at = rows[start + i]! * 16, to = i * 16, end = to + 16; to < end;) data[to++] = from[at++]!;
  }
  return data;
}

function pickBytes(sources: readonly BytesColumn[], picks: Picks, nulls: Uint8Array | null, space: Space): BytesColumn {
  const { which, rows, start, count } = picks;
  const offsets = new Uint32Array(space('offsets', count * 4 + 4), 0, count + 1);
  offsets[0] = 0;
  let end = 0;
  for (let i = 0; i < count; i++) {
    const from = sources[which[start + i]!]!.offsets;
    const row = rows[start + i]!;
    offsets[i + 1] = end += from[row + 1]! - from[row]!;
  }
  const data = new Uint8Array(space('data', end), 0, end);
  for (let i = 0; i < count; i++) {
    const source = sources[which[start + i]!]!;
    const row = rows[start + i]!;
    const from = source.offsets[row]!;
    const to = source.offsets[row + 1]!;
    if (to - from > 64) data.set(source.data.subarray(from, to), offsets[i]!);
    else for (let at = from, o = offsets[i]!; at < to;) data[o++] = source.data[at++]!;
  }
  return { kind: 'bytes', nulls, offsets, data };
}

function lookupOf(table: Table, source: Dictionary): Int32Array {
  const known = table.lookups.get(source);
  if (known !== undefined && known.length >= source.size) return known;
  const lookup = new Int32Array(Math.max(64, source.size)).fill(-1);
  if (known !== undefined) lookup.set(known);
  table.lookups.set(source, lookup);
  return lookup;
}

function codeOf(table: Table, lookup: Int32Array, source: Dictionary, code: number): number {
  const known = lookup[code]!;
  if (known >= 0) return known;
  const added = table.dictionary.intern(source.data, source.offsets[code]!, source.offsets[code + 1]!);
  if (added >= 0) lookup[code] = added;
  return added;
}

function translate(
  sources: readonly DictionaryColumn[],
  picks: Picks,
  nulls: Uint8Array | null,
  table: Table,
  lookups: readonly Int32Array[],
  codes: Uint16Array,
): boolean {
  const { which, rows, start, count } = picks;
  for (let i = 0; i < count; i++) {
    if (isSet(nulls, i)) continue;
    const at = which[start + i]!;
    const from = sources[at]!.codes[rows[start + i]!]!;
    let code = lookups[at]![from]!;
    if (code < 0 && (code = codeOf(table, lookups[at]!, sources[at]!.dictionary, from)) < 0) return false;
    codes[i] = code;
  }
  return true;
}

/** For columns that are codes in one batch and bytes in another: one slice a row. */
function pickSlowly(index: number, picks: Picks): Column {
  const { which, rows, start, count } = picks;
  const { columns, roles } = picks.batches[0]!.schema;
  const one: Schema = {
    columns: [columns[index]!],
    roles: { ...roles, tenant: -1, eventId: -1, eventTime: -1, receivedAt: -1 },
  };
  const narrow = picks.batches.map((batch) => ({ schema: one, rows: batch.rows, column: () => batch.column(index) }));
  const slices = Array.from({ length: count }, (_, i) => ({
    batch: narrow[which[start + i]!]!,
    rows: rows.subarray(start + i, start + i + 1),
  }));
  return gatherSlices(slices).column(0) as BytesColumn | BytesListColumn;
}
