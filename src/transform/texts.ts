/**
 * Texts of a column, changed or looked at one by one. What a dictionary holds is looked at once an
 * entry, for as long as the dictionary lives.
 */
import { isNull, type Column } from '../event/columns.js';
import type { Dictionary } from '../event/dictionary.js';
import type { ColumnType } from '../event/schema.js';
import { columnBuilder } from '../sql/column-builder.js';
import type { Rows } from './rows.js';

const decoder = new TextDecoder();

/** Answers something for each text of a column. */
export class TextMap<T> {
  readonly #answer: (text: string) => T;
  readonly #known = new WeakMap<Dictionary, { value: T }[]>();

  /** `kept`: answers remembered for texts that no dictionary holds; beyond it all are forgotten. */
  constructor(answer: (text: string) => T, kept = 0) {
    this.#answer = kept === 0 ? answer : remembering(answer, kept);
  }

  /** By row; not to be asked for a row that is null. */
  over(column: Column): (row: number) => T {
    if (column.kind === 'dictionary') {
      const { codes, dictionary } = column;
      let known = this.#known.get(dictionary);
      if (known === undefined) this.#known.set(dictionary, (known = []));
      const entries = known;
      return (row) => {
        const code = codes[row]!;
        return (entries[code] ??= { value: this.#answer(dictionary.stringOf(code)) }).value;
      };
    }
    if (column.kind !== 'bytes') throw new TypeError(`a column of kind ${column.kind} holds no texts`);
    const { data, offsets } = column;
    return (row) => this.#answer(decoder.decode(data.subarray(offsets[row], offsets[row + 1])));
  }
}

/** A column with each text replaced; `null` where the answer is null. Rows that do not pass are null. */
export function mapTexts(
  column: Column,
  type: ColumnType,
  { batch, selected }: Rows,
  map: TextMap<string | null>,
): Column {
  const answer = map.over(column);
  const builder = columnBuilder(type);
  let next = 0;
  for (let row = 0; row < batch.rows; row++) {
    const passes = selected === null || selected[next] === row;
    if (passes) next++;
    builder.add(passes && !isNull(column.nulls, row) ? answer(row) : null);
  }
  return builder.build();
}

function remembering<T>(answer: (text: string) => T, kept: number): (text: string) => T {
  const known = new Map<string, { value: T }>();
  return (text) => {
    let entry = known.get(text);
    if (entry === undefined) {
      entry = { value: answer(text) };
      if (known.size >= kept) known.clear();
      known.set(text, entry);
    }
    return entry.value;
  };
}
