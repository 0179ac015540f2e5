/**
 * Adds the label `bot` to rows whose user agent is a bot's, and the labels of guards. Rows are labelled, never
 * dropped.
 *
 * The verdict is kept by dictionary code, so a batch of browsers costs one table look-up a row and
 * its labels stay the column that they were.
 */
import { isNull, type Column, type ColumnBatch, type ListColumn } from '../event/columns.js';
import { Dictionary } from '../event/dictionary.js';
import { columnIndex } from '../event/schema-define.js';
import type { Schema } from '../event/schema.js';
import { LABEL_BOT, type Agents } from './tracking/agents.js';

const decoder = new TextDecoder();
const BROWSER = 1;
const BOT = 2;

/** Labels by row. */
export type AddedLabels = ReadonlyMap<number, readonly string[]>;

const NO_LABELS: AddedLabels = new Map();

/** Labels the batches of one stream. */
export class Labeller {
  readonly #agents: Agents;
  readonly #agentColumn: number;
  readonly #labelColumn: number;
  readonly #verdicts = new WeakMap<Dictionary, Uint8Array>();
  /** Labels of rows that this class wrote; replaced when it is full. */
  #dictionary = new Dictionary();

  constructor(schema: Schema, agents: Agents) {
    this.#agents = agents;
    this.#agentColumn = columnIndex(schema, 'user_agent');
    const labels = columnIndex(schema, 'labels');
    this.#labelColumn = schema.columns[labels]?.type === 'list' ? labels : -1;
  }

  /** The batch with its bots labelled, and `added` by row; the same object when there is neither. */
  label(batch: ColumnBatch, added: AddedLabels = NO_LABELS): ColumnBatch {
    if (this.#labelColumn < 0) return batch;
    const bots = this.#agentColumn < 0 ? null : this.#botsOf(batch.column(this.#agentColumn), batch.rows);
    if (bots === null && added.size === 0) return batch;
    const addedTo = (row: number): readonly string[] => {
      const own = added.get(row) ?? [];
      return bots?.[row] === 1 ? [LABEL_BOT, ...own] : own;
    };
    const labels = this.#labels(batch.column(this.#labelColumn), batch.rows, addedTo);
    return {
      schema: batch.schema,
      rows: batch.rows,
      column: (index) => (index === this.#labelColumn ? labels : batch.column(index)),
    };
  }

  /** One byte a row, 1 for a bot; null when there is none. */
  #botsOf(column: Column, rows: number): Uint8Array | null {
    let bots: Uint8Array | null = null;
    for (let row = 0; row < rows; row++) {
      if (isNull(column.nulls, row) || !this.#isBot(column, row)) continue;
      bots ??= new Uint8Array(rows);
      bots[row] = 1;
    }
    return bots;
  }

  #isBot(column: Column, row: number): boolean {
    if (column.kind === 'bytes')
      return this.#agents.isBot(decoder.decode(column.data.subarray(column.offsets[row], column.offsets[row + 1])));
    if (column.kind !== 'dictionary') return false;
    const code = column.codes[row]!;
    const verdicts = this.#verdictsOf(column.dictionary);
    if (verdicts[code] === 0) verdicts[code] = this.#agents.isBot(column.dictionary.stringOf(code)) ? BOT : BROWSER;
    return verdicts[code] === BOT;
  }

  #verdictsOf(dictionary: Dictionary): Uint8Array {
    let verdicts = this.#verdicts.get(dictionary);
    if (verdicts === undefined || verdicts.length < dictionary.size) {
      const larger = new Uint8Array(Math.max(64, dictionary.size * 2));
      larger.set(verdicts ?? []);
      this.#verdicts.set(dictionary, (verdicts = larger));
    }
    return verdicts;
  }

  /** The old labels of every row and those added that are missing. */
  #labels(column: Column, rows: number, addedTo: (row: number) => readonly string[]): ListColumn {
    const offsets = new Uint32Array(rows + 1);
    const codes: number[] = [];
    for (let row = 0; row < rows; row++) {
      const texts = textsOf(column, row);
      for (const label of addedTo(row)) if (!texts.includes(label)) texts.push(label);
      for (const text of texts) codes.push(this.#codeOf(text, codes));
      offsets[row + 1] = codes.length;
    }
    let nulls: Uint8Array | null = null;
    for (let row = 0; row < rows; row++) {
      if (!isNull(column.nulls, row) || addedTo(row).length > 0) continue;
      nulls ??= new Uint8Array((rows + 7) >> 3);
      nulls[row >> 3]! |= 1 << (row & 7);
    }
    return { kind: 'list', nulls, offsets, codes: Uint16Array.from(codes), dictionary: this.#dictionary };
  }

  /** The code of a label; a full dictionary is replaced, and what this batch has so far moves over. */
  #codeOf(text: string, codes: number[]): number {
    const code = this.#dictionary.internString(text);
    if (code >= 0) return code;
    const full = this.#dictionary;
    this.#dictionary = new Dictionary();
    codes.forEach((old, at) => {
      codes[at] = this.#dictionary.intern(full.bytesOf(old));
    });
    return this.#dictionary.internString(text);
  }
}

function textsOf(column: Column, row: number): string[] {
  const texts: string[] = [];
  if (isNull(column.nulls, row)) return texts;
  if (column.kind === 'list')
    for (let at = column.offsets[row]!; at < column.offsets[row + 1]!; at++)
      texts.push(column.dictionary.stringOf(column.codes[at]!));
  else if (column.kind === 'bytesList')
    for (let at = column.offsets[row]!; at < column.offsets[row + 1]!; at++)
      texts.push(decoder.decode(column.items.data.subarray(column.items.offsets[at], column.items.offsets[at + 1])));
  return texts;
}
