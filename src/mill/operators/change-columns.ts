/**
 * Columns of a view's changes, each built in one go from the groups that changed.
 *
 * A flush first notes which groups are to be published (`Chosen`), then reads them column by column:
 * a loop over one kind of value costs a fraction of a loop over rows with all kinds in turn. Nothing
 * may change a table between the two.
 */
import type { Column } from '../../event/columns.js';
import { BYTES_MAX, Dictionary } from '../../event/dictionary.js';
import { constantInteger } from '../../event/integers.js';
import type { ColumnType } from '../../event/schema.js';
import type { RowState } from '../../event/view.js';
import type { Value } from '../../sql/value.js';
import type { UnitSource } from '../state/accumulators/accumulator.js';
import type { BytePool } from '../state/byte-pool.js';
import { CORRECTED } from '../state/window-table.js';
import type { WindowTable } from '../state/window-table.js';
import { columnBuilder, IntegerBuilder } from '../../sql/column-builder.js';

/** Flag beside a group's state: its row is gone. */
export const REMOVED = 4;

const STATES: readonly RowState[] = ['open', 'open', 'final', 'corrected'];
const OPERATIONS: readonly string[] = ['upsert', 'delete'];
const REASONS: readonly string[] = ['late'];

/** Groups of one table: rows `from` up to `to` of what was chosen. */
export interface Run {
  readonly table: WindowTable;
  readonly from: number;
  readonly to: number;
}

/** Groups to be published, in the order of their rows. */
export interface Chosen {
  readonly rows: number;
  readonly runs: readonly Run[];
  /** Group of each row in its run's table. */
  readonly groups: Int32Array;
  /** State of each row, with `REMOVED`. */
  readonly states: Uint8Array;
}

/** Builds one column of the rows chosen. */
export type ChangeColumn = (chosen: Chosen) => Column;

/** `op`. */
export function operations(): ChangeColumn {
  return coded(OPERATIONS, (state) => state >> 2);
}

/** `state`. */
export function states(): ChangeColumn {
  return coded(STATES, (state) => state & 3);
}

/** `reason`: null but for corrections. */
export function reasons(): ChangeColumn {
  return coded(REASONS, (state) => ((state & 3) === CORRECTED ? 0 : -1));
}

/** A column of a few texts; `codeOf` says which one a state has, -1 for null. */
function coded(texts: readonly string[], codeOf: (state: number) => number): ChangeColumn {
  const dictionary = new Dictionary();
  const codes = Int32Array.from({ length: 2 * REMOVED }, (_, state) => {
    const code = codeOf(state);
    return code < 0 ? -1 : dictionary.internString(texts[code]!);
  });
  return ({ rows, states }) => {
    const column = new Uint8Array(rows);
    const nulls = new Uint8Array((rows + 7) >> 3);
    let any = false;
    for (let row = 0; row < rows; row++) {
      const code = codes[states[row]!]!;
      if (code >= 0) column[row] = code;
      else {
        any = true;
        nulls[row >> 3]! |= 1 << (row & 7);
      }
    }
    return { kind: 'dictionary', nulls: any ? nulls : null, codes: column, dictionary };
  };
}

/** A bound of the rows' windows. */
export function bounds(boundOf: (table: WindowTable) => number): ChangeColumn {
  return ({ rows, runs }) => {
    const builder = new IntegerBuilder(rows);
    for (const { table, from, to } of runs) builder.fill(boundOf(table), to - from);
    return builder.build();
  };
}

/** One value for all rows, of an integer column. */
export function constant(valueOf: () => number): ChangeColumn {
  return () => constantInteger(BigInt(valueOf()));
}

/** The empty text. */
export function emptyTexts(): ChangeColumn {
  const dictionary = new Dictionary();
  dictionary.internString('');
  return ({ rows }) => ({ kind: 'dictionary', nulls: null, codes: new Uint8Array(rows), dictionary });
}

/** Rounds that fit beside a code of 16 bits. */
const ROUNDS = 32_767;

/** Ids of a pool → codes of one batch's dictionary, in the order of their first rows. */
class PoolCodes {
  /** Ids that have a code, by code. */
  ids = new Int32Array(1_024);
  count = 0;
  /** Of each id: the round in which it got its code, and the code: `round << 16 | code`. */
  #codes = new Int32Array(0);
  #round = 0;

  begin(poolSize: number): void {
    this.count = 0;
    if (this.#codes.length < poolSize) this.#codes = new Int32Array(poolSize * 2);
    else if (this.#round === ROUNDS) this.#codes.fill(0);
    else {
      this.#round++;
      return;
    }
    this.#round = 1;
  }

  codeOf(id: number): number {
    const known = this.#codes[id]!;
    if (known >>> 16 === this.#round) return known & 0xffff;
    const code = this.count++;
    if (code === this.ids.length) {
      const larger = new Int32Array(code * 2);
      larger.set(this.ids);
      this.ids = larger;
    }
    this.ids[code] = id;
    this.#codes[id] = (this.#round << 16) | code;
    return code;
  }
}

/**
 * A key that is a text: word `word` of the group's key is its id in the view's pool. `nullable`:
 * NULL stays null, else it is the empty text. Ids are of different texts, so nothing is hashed.
 */
export function poolTexts(word: number, pool: () => BytePool, nullable: boolean): ChangeColumn {
  const known = new PoolCodes();
  return ({ rows, runs, groups }) => {
    const source = pool();
    const empty = nullable ? -1 : source.internString('');
    known.begin(source.size);
    const codes = new Uint16Array(rows);
    let nulls: Uint8Array | null = null;
    for (const { table, from, to } of runs) {
      const { words, width } = table;
      for (let row = from; row < to; row++) {
        let id = words[groups[row]! * width + word]!;
        if (id < 0) id = empty;
        if (id >= 0) codes[row] = known.codeOf(id);
        else {
          nulls ??= new Uint8Array((rows + 7) >> 3);
          nulls[row >> 3]! |= 1 << (row & 7);
        }
      }
    }
    const { lengths, data } = source.gather(known.ids, known.count);
    if (data.length > BYTES_MAX) return plainTexts(codes, nulls, lengths, data);
    const dictionary = new Dictionary();
    dictionary.appendEntries(lengths, known.count, data, 0);
    return { kind: 'dictionary', nulls, codes, dictionary };
  };
}

/** The same texts without a dictionary, which could not hold them. */
function plainTexts(codes: Uint16Array, nulls: Uint8Array | null, lengths: Uint32Array, data: Uint8Array): Column {
  const starts = new Uint32Array(lengths.length + 1);
  for (let code = 0; code < lengths.length; code++) starts[code + 1] = starts[code]! + lengths[code]!;
  const builder = columnBuilder('string');
  codes.forEach((code, row) => {
    const isNull = nulls !== null && (nulls[row >> 3]! & (1 << (row & 7))) !== 0;
    builder.add(isNull ? null : data.subarray(starts[code], starts[code + 1]));
  });
  return builder.build();
}

/** Integers that are read off an accumulator; one that 64 bits can't hold becomes NULL and is counted. */
export function units(sourceOf: (table: WindowTable) => UnitSource, failed: () => void): ChangeColumn {
  return ({ rows, runs, groups, states }) => {
    const builder = new IntegerBuilder(rows);
    for (const { table, from, to } of runs) {
      const source = sourceOf(table);
      for (let row = from; row < to; row++) {
        const value = states[row]! >= REMOVED ? null : source.units(groups[row]!);
        if (typeof value === 'number') builder.addNumber(value);
        else if (value === null || builder.holds(value)) builder.add(value);
        else {
          failed();
          builder.add(null);
        }
      }
    }
    return builder.build();
  };
}

/** Any value. A failing one, or one that the column can't hold, becomes NULL and is counted. `always`: of removed rows too. */
export function values(
  type: ColumnType,
  read: (table: WindowTable, group: number) => Value,
  always: boolean,
  failed: () => void,
): ChangeColumn {
  return ({ runs, groups, states }) => {
    const builder = columnBuilder(type);
    for (const { table, from, to } of runs)
      for (let row = from; row < to; row++) {
        if (!always && states[row]! >= REMOVED) {
          builder.add(null);
          continue;
        }
        try {
          builder.add(read(table, groups[row]!));
        } catch {
          // `failed` counts it, and the view shows NULL.
          failed();
          builder.add(null);
        }
      }
    return builder.build();
  };
}
