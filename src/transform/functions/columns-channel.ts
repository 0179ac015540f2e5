/**
 * Batches from a host to its function's process: the batch codec with dictionaries that last as long
 * as the process does, so that a text is sent, and decoded, once. Sender and receiver are twins.
 *
 * A column whose dictionary is full would be sent as plain texts from then on; instead both sides
 * begin anew (`fresh`).
 */
import {
  BatchTarget,
  decodeBatch,
  DictionaryChain,
  DictionaryScope,
  encodeAttached,
  type RowSlice,
} from '../../event/batch.js';
import type { ColumnBatch } from '../../event/columns.js';
import type { Schema } from '../../event/schema.js';

/** A batch on its way. */
export interface SentColumns {
  /** Valid until the next batch is encoded. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The receiver forgets its dictionaries first. */
  readonly fresh: boolean;
}

const TARGET_BYTES_KEPT = 1 << 24;

/** The host's side. */
export class ColumnsSender {
  readonly #schema: Schema;
  #scope: DictionaryScope;
  #target = new BatchTarget();
  #fresh = true;
  #position = 0;

  constructor(schema: Schema) {
    this.#schema = schema;
    this.#scope = new DictionaryScope(schema);
  }

  /** Rows as one message; all get the stamp `receivedAt`. */
  encode(slice: RowSlice, receivedAt: number): SentColumns {
    if (this.#scope.columns.some(({ full }) => full)) {
      this.#scope = new DictionaryScope(this.#schema);
      this.#fresh = true;
      this.#position = 0;
    }
    const fresh = this.#fresh;
    this.#fresh = false;
    this.#target.position = 0;
    const place = { baseOffset: 0, receivedAt, segmentPosition: this.#position };
    const written = encodeAttached([slice], this.#scope, place, this.#target);
    this.#position += written.bytes;
    const bytes = this.#target.bytes.subarray(0, written.bytes);
    if (this.#target.bytes.length > TARGET_BYTES_KEPT) this.#target = new BatchTarget();
    return { bytes, fresh };
  }
}

/** The process's side. */
export class ColumnsReceiver {
  readonly #schema: Schema;
  #chain = new DictionaryChain();

  constructor(schema: Schema) {
    this.#schema = schema;
  }

  /** The batch of a message. `bytes` must not change while it is in use. */
  decode(bytes: Uint8Array, fresh: boolean): ColumnBatch {
    if (fresh) this.#chain = new DictionaryChain();
    this.#chain.apply(bytes);
    return decodeBatch(bytes, this.#schema, this.#chain);
  }
}
