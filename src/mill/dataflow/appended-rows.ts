/**
 * What a view publishes whose rows are only ever added: each at once, and for good.
 *
 * No later row takes one back, so none has to be remembered: it is final when it comes. Without a key a row is
 * named by itself and a number; here that is how many rows there were before, so that no copies are counted.
 * After a restart the numbers go on from what was published: how many rows there are at a position does not depend
 * on the order in which they came.
 *
 * Bounded by what comes between two publications. Recovery: the number, and the rows that wait.
 */
import type { SqlType } from '../../sql/plan.js';
import type { Field, RelationView } from '../../sql/relation/relation.js';
import { ByteReader, ByteWriter } from '../../util/bytes.js';
import { blockOfRows, countOf, rowsOfBlock, type Block } from './block.js';
import type { Publication, PublishedBlock, Publisher } from './publication.js';
import type { Deltas, Row, StateBudget } from './operator.js';
import { isAppendOnly } from '../../sql/relation/append-only.js';
import { rowCodec } from './rows.js';
import type { Key, SavedEntry, StateCodec, StateStore } from './state-table.js';

/** Bytes of a row that waits, about. */
const ROW_BYTES = 160;
/** No number of rows. */
const NEVER = -1;

/** Whether a view's rows are published at once and for good. */
export function publishesAppended({ emit, key, relation }: RelationView): boolean {
  return key === null && emit.kind !== 'close' && isAppendOnly(relation);
}

/** See the head of the file. */
export class AppendedRows implements Publisher {
  readonly tables: readonly StateStore[];
  readonly #waiting: WaitingRows;

  constructor({ relation }: RelationView, budget: StateBudget) {
    this.#waiting = new WaitingRows(relation.fields, budget);
    this.tables = [this.#waiting];
  }

  get open(): number {
    return this.#waiting.size;
  }

  /** Rows are final when they come. */
  readonly closesNext = undefined;

  take(deltas: Deltas): void {
    this.#waiting.add(deltas);
  }

  publish(): Publication {
    const blocks: PublishedBlock[] = [];
    for (const block of this.#waiting.takeRows()) {
      const firstCopy = this.#waiting.published + 1;
      blocks.push({ block, operation: 'upsert', state: 'final', firstCopy, copyStep: 1 });
      this.#waiting.published += block.count;
    }
    return { rows: [], blocks };
  }

  restored(): void {}
}

/** Rows that wait, and how many were published before them: one entry of a snapshot. */
class WaitingRows implements StateStore {
  readonly name = 'appended';
  bytes = 0;
  size = 0;
  published = 0;
  /** In their order; those that came as rows are gathered behind. */
  #blocks: Block[] = [];
  #rows: Row[] = [];
  readonly #types: readonly SqlType[];
  readonly #codec: StateCodec<Row>;
  readonly #budget: StateBudget;
  /** How many were published at the last snapshot that had no rows waiting. */
  #saved = 0;
  #frozen: SavedEntry[] = [];

  constructor(fields: readonly Field[], budget: StateBudget) {
    this.#types = fields.map(({ type }) => type);
    this.#codec = rowCodec(fields);
    this.#budget = budget;
  }

  add(deltas: Deltas): void {
    this.size += countOf(deltas);
    if (deltas.block === undefined) {
      const { rows } = deltas;
      for (let i = 0; i < rows.length; i++) this.#rows.push(rows[i]!);
      return;
    }
    this.#close();
    this.#blocks.push(deltas.block);
  }

  /** Makes a block of the rows that were gathered. */
  #close(): void {
    if (this.#rows.length === 0) return;
    this.#blocks.push(blockOfRows(this.#rows, this.#types));
    this.#rows = [];
  }

  /** The rows that wait, in their order; none do from now on. */
  takeRows(): Block[] {
    this.#close();
    const taken = this.#blocks;
    this.#blocks = [];
    this.size = 0;
    return taken;
  }

  count(): void {
    const bytes = this.size * ROW_BYTES;
    this.#budget.bytes += bytes - this.bytes;
    this.bytes = bytes;
  }

  /** A snapshot is taken behind a publication as a rule: there is nothing to encode but the number. */
  freeze(): void {
    if (this.size === 0 && this.published === this.#saved) return;
    // Rows that wait are published later: the entry must be written again then.
    this.#saved = this.size > 0 ? NEVER : this.published;
    const writer = new ByteWriter(256);
    writer.unsigned(this.published);
    writer.unsigned(this.size);
    this.#close();
    for (const block of this.#blocks) for (const row of rowsOfBlock(block)) this.#codec.write(row, writer);
    this.#frozen = [{ key: 0, bytes: writer.copy() }];
  }

  encode(): number {
    return 0;
  }

  take(): SavedEntry[] {
    const taken = this.#frozen;
    this.#frozen = [];
    return taken;
  }

  load(_key: Key, bytes: Uint8Array | null): void {
    if (bytes === null) return;
    const reader = new ByteReader(bytes);
    this.published = reader.unsigned();
    this.size = reader.unsigned();
    this.#blocks = [];
    this.#rows = Array.from({ length: this.size }, () => this.#codec.read(reader));
    this.#saved = this.size > 0 ? NEVER : this.published;
  }
}
