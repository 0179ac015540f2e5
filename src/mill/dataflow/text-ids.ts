/**
 * Texts as small numbers, for the keys of the operators over blocks: a text has one id while somebody needs it.
 *
 * Codes of a batch's dictionary are translated once an entry, then by a table: the dictionaries of the log live as
 * long as their segments. NULL is a text of its own.
 *
 * Bounded by what its owner says is alive: `sweep` gives the ids of all others free, and forgets the tables. Blocks
 * that were passed on keep the texts as they were before.
 */
import type { TextTable, TextVector } from './block.js';

const UNKNOWN = -1;
/** Bytes that a text and its id take beside its letters. */
const TEXT_BYTES = 64;

/** Text of each id; undefined where the id is free. */
class Texts implements TextTable {
  readonly byId: (string | null | undefined)[];

  constructor(byId: (string | null | undefined)[]) {
    this.byId = byId;
  }

  get size(): number {
    return this.byId.length;
  }

  stringOf(id: number): string {
    return this.byId[id] as string;
  }
}

/** See the head of the file. */
export class TextIds {
  #texts = new Texts([]);
  readonly #ids = new Map<string | null, number>();
  readonly #free: number[] = [];
  /** By dictionary: the id of each code, NULL (code -1) first. */
  #tables = new WeakMap<TextTable, Int32Array>();

  /** Bytes of all texts, about. */
  bytes = 0;

  /** Ids are below this. */
  get size(): number {
    return this.#texts.size;
  }

  /** Texts that have an id. */
  get used(): number {
    return this.#ids.size;
  }

  /** The texts by id, for blocks; NULL's id is not to be asked for. */
  get table(): TextTable {
    return this.#texts;
  }

  /** The text of an id. */
  textOf(id: number): string | null {
    return this.#texts.byId[id]!;
  }

  /** The id of a text; a new one where it has none. */
  idOf(text: string | null): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const { byId } = this.#texts;
    const id = this.#free.pop() ?? byId.length;
    byId[id] = text;
    this.#ids.set(text, id);
    this.bytes += bytesOf(text);
    return id;
  }

  /** The ids of a vector's texts. */
  idsOf({ codes, texts }: TextVector, count: number, into: Int32Array): void {
    let table = this.#tables.get(texts);
    // Dictionaries grow while they are read.
    if (table === undefined || table.length <= texts.size) {
      const larger = new Int32Array(texts.size + (texts.size >> 1) + 16).fill(UNKNOWN);
      if (table !== undefined) larger.set(table);
      this.#tables.set(texts, (table = larger));
    }
    for (let i = 0; i < count; i++) {
      const code = codes[i]!;
      let id = table[code + 1]!;
      if (id === UNKNOWN) {
        id = this.idOf(code < 0 ? null : texts.stringOf(code));
        table[code + 1] = id;
      }
      into[i] = id;
    }
  }

  /** Gives free what is not alive. */
  sweep(isAlive: (id: number) => boolean): void {
    this.#tables = new WeakMap();
    const byId = this.#texts.byId.slice();
    this.#texts = new Texts(byId);
    for (let id = 0; id < byId.length; id++) {
      const text = byId[id];
      if (text === undefined || isAlive(id)) continue;
      this.#ids.delete(text);
      this.bytes -= bytesOf(text);
      byId[id] = undefined;
      this.#free.push(id);
    }
  }
}

function bytesOf(text: string | null): number {
  return TEXT_BYTES + (text === null ? 0 : text.length);
}
