/**
 * `dedupe`: the first event of each key within a window passes, the others end here.
 *
 * What it remembers is a stream of its own, `transform.<name>.dedupe.<columns>`, written in the
 * commit that holds the events themselves: a restart reads it again, so a duplicate is never let
 * through, nor a first event dropped, because of a crash. A first event that fails is forgotten, so
 * that it passes when it is redriven.
 *
 * The window is that of `received_at`, the stamp of the log. Keys are SHA-256 of tenant and values,
 * 128 bits of it: two events are never taken for one by chance.
 */
import { hash } from 'node:crypto';
import type { DedupeOptions } from '../../config/transform-options.js';
import { batchOf, isNull, type Column, type ColumnBatch } from '../../event/columns.js';
import { constantInteger, numberAt } from '../../event/integers.js';
import { valueOf } from '../../event/rows.js';
import { defineSchema } from '../../event/schema-define.js';
import type { ColumnType } from '../../event/schema.js';
import type { StreamRows } from '../../log/log.js';
import { selectRows, type Rows } from '../rows.js';
import { SeenKeys } from '../seen-keys.js';
import { columnAt, type Step, type StepServices, type Verb } from '../verb.js';
import type { Work } from '../work.js';

/** What is remembered: the key, and the stamp of its first event. */
const SEEN_SCHEMA = defineSchema({ columns: { key: 'uuid', at: 'timestamp' } });
/** Rows of the own stream stay a little longer than they are needed. */
const SLACK_MS = 600_000;

/** The verb. */
export const dedupe: Verb<DedupeOptions> = {
  plan(options, context) {
    const { schema } = context;
    const columns = options.by.map((name) => columnAt(context, name, undefined, 'dedupe.by'));
    const { tenant } = schema.roles;
    const keys = tenant < 0 || columns.includes(tenant) ? columns : [tenant, ...columns];
    const name = `transform.${context.transform}.dedupe.${options.by.join('.')}`;
    return {
      schema,
      own: { name, schema: SEEN_SCHEMA, retentionMs: options.windowMs + SLACK_MS },
      open: (services) => new Dedupe(options, keys, name, services),
    };
  },
};

/** Keys of one batch that passed, in order. */
interface Passed {
  readonly words: Uint32Array;
  readonly origins: number[];
}

class Dedupe implements Step {
  readonly #options: DedupeOptions;
  readonly #columns: readonly number[];
  readonly #stream: string;
  readonly #services: StepServices;
  readonly #seen: SeenKeys;
  #passed = new WeakMap<Work, Passed>();
  #evicted = 0;

  constructor(options: DedupeOptions, columns: readonly number[], stream: string, services: StepServices) {
    this.#options = options;
    this.#columns = columns;
    this.#stream = stream;
    this.#services = services;
    this.#seen = new SeenKeys(options.windowMs, options.keysMax);
  }

  restore(): void {
    this.#seen.clear();
    this.#passed = new WeakMap();
    const { log } = this.#services;
    const cursor = log.cursor(this.#stream, 0, log.range(this.#stream, 0).start);
    try {
      for (let batch = cursor.next(); batch !== null; batch = cursor.next()) {
        const keys = batch.batch.column(0);
        const times = batch.batch.column(1);
        if (keys.kind !== 'uuid' || times.kind !== 'integer') continue;
        const words = wordsOf(keys.data);
        for (let row = 0; row < batch.rows; row++) this.#seen.note(words, row * 4, numberAt(times, row));
      }
    } finally {
      cursor.close();
    }
  }

  run(rows: Rows, work: Work): Rows {
    const keyOf = keyReader(rows.batch, this.#columns);
    const { receivedAt } = work.source;
    const words = new Uint32Array(rows.batch.rows * 4);
    const origins: number[] = [];
    const passing = selectRows(rows, (row, origin) => {
      const at = origins.length * 4;
      keyOf(row, words, at);
      if (!this.#seen.add(words, at, receivedAt)) {
        work.filter(origin, 'duplicate');
        return false;
      }
      origins.push(origin);
      return true;
    });
    this.#passed.set(work, { words, origins });
    this.#sayEvicted();
    return passing;
  }

  settle(work: Work): readonly StreamRows[] {
    const passed = this.#passed.get(work);
    if (passed === undefined) return [];
    const { words, origins } = passed;
    let kept = 0;
    origins.forEach((origin, i) => {
      if (work.hasFailed(origin)) this.#seen.forget(words, i * 4);
      else words.copyWithin(kept++ * 4, i * 4, i * 4 + 4);
    });
    if (kept === 0) return [];
    const columns: Column[] = [
      { kind: 'uuid', nulls: null, data: new Uint8Array(words.slice(0, kept * 4).buffer) },
      constantInteger(BigInt(work.source.receivedAt)),
      constantInteger(0n),
    ];
    return [{ stream: this.#stream, rows: batchOf(SEEN_SCHEMA, kept, columns) }];
  }

  #sayEvicted(): void {
    const { evicted } = this.#seen;
    if (evicted > this.#evicted)
      this.#services.say(
        'warn',
        `dedupe: more than keysMax (${this.#options.keysMax}) keys within the window; the oldest ${evicted - this.#evicted} were forgotten`,
      );
    this.#evicted = evicted;
  }
}

function wordsOf(data: Uint8Array): Uint32Array {
  return new Uint32Array(data.slice().buffer);
}

/** Writes the key of a row as four words. */
function keyReader(
  batch: ColumnBatch,
  columns: readonly number[],
): (row: number, words: Uint32Array, at: number) => void {
  const parts = columns.map((index) => partReader(batch.column(index), batch.schema.columns[index]!.type));
  return (row, words, at) => {
    // Lengths keep ('a', 'bc') apart from ('ab', 'c').
    const text = parts
      .map((part) => part(row))
      .map((part) => (part === null ? '-' : `${part.length}:${part}`))
      .join('');
    const digest = hash('sha256', text, 'buffer');
    for (let i = 0; i < 4; i++) words[at + i] = digest.readUInt32LE(i * 4);
  };
}

function partReader(column: Column, type: ColumnType): (row: number) => string | null {
  return (row) => {
    if (isNull(column.nulls, row)) return null;
    const value = valueOf(column, type, row);
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
}
