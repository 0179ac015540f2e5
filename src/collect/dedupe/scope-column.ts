import type { Column, ColumnBatch } from '../../event/columns.js';
import type { Dictionary } from '../../event/dictionary.js';
import type { Scopes } from './scopes.js';

const decoder = new TextDecoder();

/** Turns a batch's tenant column into scope numbers. Keeps a table a dictionary, from code to scope + 1. */
export class ScopeColumn {
  readonly #scopes: Scopes;
  readonly #tables = new Map<string, WeakMap<Dictionary, Uint32Array>>();

  constructor(scopes: Scopes) {
    this.#scopes = scopes;
  }

  /** Writes the scope of each row into `target`. */
  fill(target: Uint32Array, stream: string, batch: ColumnBatch): void {
    const { tenant } = batch.schema.roles;
    if (tenant < 0) {
      target.fill(this.#scopes.numberOf(stream, ''), 0, batch.rows);
      return;
    }
    this.#fill(target, stream, batch.column(tenant), batch.rows);
  }

  #fill(target: Uint32Array, stream: string, column: Column, rows: number): void {
    if (column.kind === 'bytes') {
      for (let row = 0; row < rows; row++)
        target[row] = this.#scopes.numberOf(
          stream,
          decoder.decode(column.data.subarray(column.offsets[row], column.offsets[row + 1])),
        );
      return;
    }
    if (column.kind !== 'dictionary') throw new Error(`a column of kind ${column.kind} holds no tenants`);
    const { codes, dictionary } = column;
    const table = this.#table(stream, dictionary);
    for (let row = 0; row < rows; row++) {
      const code = codes[row]!;
      if (table[code] === 0) table[code] = this.#scopes.numberOf(stream, dictionary.stringOf(code)) + 1;
      target[row] = table[code]! - 1;
    }
  }

  #table(stream: string, dictionary: Dictionary): Uint32Array {
    let tables = this.#tables.get(stream);
    if (tables === undefined) this.#tables.set(stream, (tables = new WeakMap()));
    let table = tables.get(dictionary);
    if (table === undefined || table.length < dictionary.size) {
      const larger = new Uint32Array(Math.max(64, dictionary.size * 2));
      larger.set(table ?? []);
      tables.set(dictionary, (table = larger));
    }
    return table;
  }
}
