/**
 * Keys of blocks' rows as small numbers: `keys.ts` for operators whose state lies in arrays.
 *
 * A key is some of a row's fields. Its id is dense, so state by key is arrays addressed by it. Two rows get one
 * id exactly when SQL calls the fields equal for GROUP BY: NULL equals NULL, 0 equals -0, NaN equals NaN.
 *
 * A key that its operator has no state for *rests*: it keeps its id, and is in use again when `idsOf` gives it out,
 * until so many rest that `settle` frees their ids. So keys that come and go cost nothing but their first look-up.
 *
 * Layout: a field of a key is a word: a text's id, a number, 0 where it is NULL; behind them a word of bits says
 * which fields are NULL. An open table of hashes over the words, linear probing, at most half full. Where the one
 * field is a text, its id is the key's.
 * Limits: as many keys as the operator keeps in use, and as many that rest (at least `RESTING_MIN`).
 * Recovery: ids are never saved; keys are made again from their values.
 */
import type { SqlType } from '../../sql/plan.js';
import type { Value } from '../../sql/value.js';
import { NUMBER_TYPES, valueOf, type Block, type TextVector, type Vector } from './block.js';
import { finishHash, HASH_SEED, hashNumber } from './key-hash.js';
import { TextIds } from './text-ids.js';
import { larger } from '../../util/typed-arrays.js';

const RESTING_MIN = 4_096;
const CAPACITY_MIN = 1_024;
const NONE = -1;
/** The hash of an id that is free: no key has it. */
const FREED = -1;
/** What is known of an id. */
const [FREE, USED, RESTING] = [0, 1, 2];

const TEXTS: ReadonlySet<SqlType> = new Set<SqlType>(['text', 'uuid', 'json']);

/** Whether `BlockKeys` takes fields of these types. */
export function canBeBlockKeys(types: readonly SqlType[]): boolean {
  return types.length <= 30 && types.every((type) => TEXTS.has(type) || type === 'boolean' || NUMBER_TYPES.has(type));
}

/** See the head of the file. */
export class BlockKeys {
  readonly #fields: readonly number[];
  readonly #types: readonly SqlType[];
  /** Texts of each field that is a text; of the others, integers that no number holds. */
  readonly #texts: readonly TextIds[];
  /** Whether the one field is a text. */
  readonly #isText: boolean;
  readonly #width: number;
  #words = new Float64Array(0);
  #hashes = new Int32Array(0);
  #places = new Int32Array(CAPACITY_MIN).fill(NONE);
  #states = new Uint8Array(0);
  readonly #free: number[] = [];
  #size = 0;
  #used = 0;
  #resting = 0;
  /** Words of the rows of one block, field by field. */
  #columns: Float64Array[] = [];
  #codes = new Int32Array(0);

  /** `fields`: where a key's fields are among a row's; `types`: of those. None: one key for all rows. */
  constructor(fields: readonly number[], types: readonly SqlType[]) {
    this.#fields = fields;
    this.#types = types;
    this.#texts = types.map(() => new TextIds());
    this.#isText = types.length === 1 && TEXTS.has(types[0]!);
    this.#width = types.length + 1;
  }

  /** Ids are below this. */
  get size(): number {
    return this.#isText ? this.#texts[0]!.size : this.#size;
  }

  /** Keys in use. */
  get used(): number {
    return this.#used;
  }

  /** The ids of a block's keys; they are in use from now on. */
  idsOf(block: Block, into: Int32Array): void {
    if (this.#isText) this.#textIds(this.#texts[0]!, block.vectors[this.#fields[0]!]!, block.count, into);
    else this.#find(block, into);
    for (let i = 0; i < block.count; i++) if (this.#states[into[i]!] !== USED) this.#use(into[i]!);
  }

  #use(id: number): void {
    if (id >= this.#states.length) this.#grow(id);
    if (this.#states[id] === RESTING) this.#resting--;
    this.#states[id] = USED;
    this.#used++;
  }

  #grow(id: number): void {
    const capacity = Math.max(CAPACITY_MIN, 2 * this.#states.length, id + 1);
    this.#states = larger(this.#states, new Uint8Array(capacity));
    if (this.#isText) return;
    this.#words = larger(this.#words, new Float64Array(capacity * this.#width));
    this.#hashes = larger(this.#hashes, new Int32Array(capacity));
  }

  #textIds(ids: TextIds, vector: Vector, count: number, into: Int32Array): void {
    if (vector.kind === 'texts') return ids.idsOf(vector, count, into);
    for (let i = 0; i < count; i++) into[i] = ids.idOf(valueOf(vector, i) as string | null);
  }

  #find(block: Block, into: Int32Array): void {
    const width = this.#width;
    const columns = this.#columnsOf(block);
    const key = new Float64Array(width);
    for (let i = 0; i < block.count; i++) {
      if (i > 0 && isRepeated(columns, i)) {
        into[i] = into[i - 1]!;
        continue;
      }
      let hash = HASH_SEED;
      for (let word = 0; word < width; word++) {
        key[word] = columns[word]![i]!;
        hash = hashNumber(hash, key[word]!);
      }
      into[i] = this.#place(key, finishHash(hash));
    }
  }

  #place(key: Float64Array, hash: number): number {
    const places = this.#places;
    const mask = places.length - 1;
    let at = hash & mask;
    for (let id = places[at]!; id !== NONE; id = places[at]!) {
      if (this.#hashes[id] === hash && this.#isKey(id, key)) return id;
      at = (at + 1) & mask;
    }
    const id = this.#free.pop() ?? this.#size++;
    if (id >= this.#states.length) this.#grow(id);
    this.#words.set(key, id * key.length);
    this.#hashes[id] = hash;
    places[at] = id;
    if (this.#size * 2 > places.length) this.#index(places.length * 2);
    return id;
  }

  #isKey(id: number, key: Float64Array): boolean {
    const from = id * key.length;
    // NaN is one key.
    for (let word = 0; word < key.length; word++) if (!same(this.#words[from + word]!, key[word]!)) return false;
    return true;
  }

  /** The words of a block's keys. */
  #columnsOf({ count, vectors }: Block): Float64Array[] {
    if (this.#columns.length === 0 || this.#columns[0]!.length < count) {
      this.#columns = Array.from({ length: this.#width }, () => new Float64Array(count));
      this.#codes = new Int32Array(count);
    }
    const bits = this.#columns[this.#width - 1]!.fill(0, 0, count);
    this.#fields.forEach((field, part) =>
      this.#fill(part, vectors[field]!, count, this.#columns[part]!, (i) => (bits[i]! += 2 ** part)),
    );
    return this.#columns;
  }

  #fill(part: number, vector: Vector, count: number, into: Float64Array, isNull: (row: number) => void): void {
    if (TEXTS.has(this.#types[part]!)) {
      this.#textIds(this.#texts[part]!, vector, count, this.#codes);
      for (let i = 0; i < count; i++) into[i] = this.#codes[i]!;
    } else if (vector.kind === 'numbers') {
      for (let i = 0; i < count; i++) into[i] = vector.values[i]! + 0;
      if (vector.nulls !== null) for (let i = 0; i < count; i++) if (vector.nulls[i] === 1) isNull(i);
    } else {
      for (let i = 0; i < count; i++) {
        const value = valueOf(vector, i);
        if (value === null) isNull(i);
        into[i] = value === null ? 0 : this.#wordOf(part, value);
      }
    }
  }

  /** Integers that no number holds stand between the others. */
  #wordOf(part: number, value: NonNullable<Value>): number {
    if (typeof value === 'number') return value + 0;
    if (typeof value === 'boolean') return value ? 1 : 0;
    return 0.5 + this.#texts[part]!.idOf(String(value));
  }

  /** A field of some keys. */
  vector(part: number, ids: Int32Array, count: number): Vector {
    const type = this.#types[part]!;
    if (TEXTS.has(type)) return this.#textsOf(part, ids, count);
    if (type === 'boolean' || type === 'bigint') {
      return { kind: 'values', values: Array.from({ length: count }, (_, i) => this.valueOf(part, ids[i]!)) };
    }
    const values = new Float64Array(count);
    let nulls: Uint8Array | null = null;
    for (let i = 0; i < count; i++) {
      values[i] = this.#words[ids[i]! * this.#width + part]!;
      if (this.#isNull(part, ids[i]!)) (nulls ??= new Uint8Array(count))[i] = 1;
    }
    return { kind: 'numbers', values, nulls };
  }

  #textsOf(part: number, ids: Int32Array, count: number): TextVector {
    const texts = this.#texts[part]!;
    const codes = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const id = this.#isText ? ids[i]! : this.#words[ids[i]! * this.#width + part]!;
      codes[i] = texts.textOf(id) === null ? NONE : id;
    }
    return { kind: 'texts', codes, texts: texts.table };
  }

  /** A field of a key. */
  valueOf(part: number, id: number): Value {
    const texts = this.#texts[part]!;
    if (this.#isText) return texts.textOf(id);
    const word = this.#words[id * this.#width + part]!;
    const type = this.#types[part]!;
    if (TEXTS.has(type)) return texts.textOf(word);
    if (this.#isNull(part, id)) return null;
    if (type === 'boolean') return word === 1;
    return type === 'bigint' && !Number.isInteger(word) ? BigInt(texts.textOf(word - 0.5)!) : word;
  }

  #isNull(part: number, id: number): boolean {
    const bits = this.#words[(id + 1) * this.#width - 1]!;
    return (bits & (1 << part)) !== 0;
  }

  /** Nothing is kept for a key any more. */
  rest(id: number): void {
    if (this.#states[id] !== USED) return;
    this.#states[id] = RESTING;
    this.#used--;
    this.#resting++;
  }

  /** Ends a round: where too many keys rest, their ids are free from now on, and may soon be those of others. */
  settle(): void {
    if (this.#resting <= Math.max(RESTING_MIN, this.#used)) return;
    for (let id = 0; id < this.#states.length; id++) {
      if (this.#states[id] !== RESTING) continue;
      this.#states[id] = FREE;
      if (this.#isText) continue;
      this.#hashes[id] = FREED;
      this.#free.push(id);
    }
    this.#resting = 0;
    if (this.#isText) return this.#texts[0]!.sweep((id) => this.#states[id] === USED);
    this.#index(this.#places.length);
    this.#types.forEach((type, part) => this.#sweep(part, TEXTS.has(type)));
  }

  #sweep(part: number, isText: boolean): void {
    const alive = new Set<number>();
    for (let id = 0; id < this.#size; id++) {
      if (this.#states[id] !== USED) continue;
      const word = this.#words[id * this.#width + part]!;
      alive.add(isText ? word : word - 0.5);
    }
    this.#texts[part]!.sweep((id) => alive.has(id));
  }

  #index(capacity: number): void {
    const places = new Int32Array(capacity).fill(NONE);
    for (let id = 0; id < this.#size; id++) {
      if (this.#hashes[id] === FREED) continue;
      let at = this.#hashes[id]! & (capacity - 1);
      while (places[at] !== NONE) at = (at + 1) & (capacity - 1);
      places[at] = id;
    }
    this.#places = places;
  }
}

/** Whether a row has the key of the one before: windows and bursts of one key come in runs. */
function isRepeated(columns: readonly Float64Array[], i: number): boolean {
  for (let word = 0; word < columns.length; word++) if (columns[word]![i] !== columns[word]![i - 1]) return false;
  return true;
}

function same(a: number, b: number): boolean {
  return a === b || (a !== a && b !== b);
}
