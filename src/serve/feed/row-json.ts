/**
 * Rows of a view as the feed's JSON, written straight from the stored columns: a page of many rows
 * costs little more than its bytes.
 */
import type { ColumnType } from '../../event/schema.js';
import { decimalText } from '../../event/decimal.js';
import { uuidText } from '../../event/uuid.js';
import { TXN, type RowLayout } from '../../summary/layout.js';
import { revisionOf } from '../../summary/row-id.js';
import {
  bigintAt,
  DELETED,
  numberAt,
  reasonOf,
  stateOf,
  type ColumnStore,
  type IntegerStore,
  type RowSet,
  type TextSource,
} from '../../summary/row-set.js';
import { isoText } from '../../summary/row-values.js';
import { NULL_CODE } from '../../summary/text-pool.js';
import type { RowPlace } from '../../summary/view-store.js';
import { feedColumns, type FeedColumns, type StoredFeedColumn } from './columns.js';

/** The JSON text of one value. */
type ValueText = (rows: RowSet, row: number) => string;

interface Field {
  /** `"name":`, with a comma in front but for the first. */
  readonly label: string;
  readonly text: ValueText;
}

/** Writes rows of one view. */
export class RowJson {
  readonly columns: FeedColumns;
  readonly #key: readonly Field[];
  readonly #values: readonly Field[];
  readonly #txn: number;
  readonly #partitions: number;
  /** The last window start written, and its text: most rows of a page share a few. */
  #windowMs = NaN;
  #windowText = '';

  constructor(layout: RowLayout, partitions: number) {
    this.columns = feedColumns(layout);
    this.#partitions = partitions;
    this.#txn = layout.columns.findIndex(({ column }) => column === TXN);
    const fields = (columns: readonly StoredFeedColumn[]): Field[] =>
      columns.map((column, index) => ({
        label: `${index === 0 ? '' : ','}${JSON.stringify(column.name)}:`,
        text: column.stored < 0 ? (rows, row) => this.#window(rows.windows[row]!) : valueText(column),
      }));
    this.#key = fields(this.columns.key);
    this.#values = fields(this.columns.values);
  }

  /** One row. */
  row({ rows, row, id }: RowPlace): string {
    const mark = rows.marks[row]!;
    const deleted = (mark & DELETED) !== 0;
    const reason = reasonOf(mark);
    const txn = numberAt(rows.columns[this.#txn] as IntegerStore, row);
    const head = `{"rev":${revisionOf(id, this.#partitions)},"op":"${deleted ? 'delete' : 'upsert'}","state":"${stateOf(mark)}"`;
    const key = written(this.#key, rows, row);
    const values = deleted ? '' : written(this.#values, rows, row);
    return `${head},"reason":${reason === null ? 'null' : `"${reason}"`},"txn":${txn},"key":{${key}},"values":{${values}}}`;
  }

  /** The values of a row's key as a JSON array after the tenant: what `keyHash` hashes. */
  keyText({ rows, row }: RowPlace, tenant: string): string {
    let text = `[${JSON.stringify(tenant)}`;
    for (const { text: valueOf } of this.#key) text += `,${valueOf(rows, row)}`;
    return `${text}]`;
  }

  #window(ms: number): string {
    if (ms !== this.#windowMs) {
      this.#windowMs = ms;
      this.#windowText = `"${isoText(ms)}"`;
    }
    return this.#windowText;
  }
}

function written(fields: readonly Field[], rows: RowSet, row: number): string {
  let text = '';
  for (const field of fields) text += field.label + field.text(rows, row);
  return text;
}

function valueText({ stored, columnType }: StoredFeedColumn): ValueText {
  if (columnType === 'double') return (rows, row) => doubleText(rows.columns[stored]!, row);
  if (columnType === 'timestamp') return timeText(stored);
  const integer = INTEGERS[columnType];
  if (integer !== undefined)
    return (rows, row) => {
      const store = rows.columns[stored] as IntegerStore;
      return store.nulls[row] === 1 ? 'null' : integer(store, row);
    };
  const textOf = TEXTS[columnType] ?? quotedText;
  return (rows, row) => {
    const { codes } = rows.columns[stored] as Extract<ColumnStore, { kind: 'text' }>;
    const code = codes[row]!;
    return code === NULL_CODE ? 'null' : textOf(rows, code);
  };
}

function doubleText(store: ColumnStore, row: number): string {
  if (store.kind !== 'double' || store.nulls[row] === 1) return 'null';
  const value = store.values[row]!;
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

/** Neighbours often have the same time: the last text is kept. */
function timeText(stored: number): ValueText {
  let lastMs = NaN;
  let lastText = '';
  return (rows, row) => {
    const store = rows.columns[stored] as IntegerStore;
    if (store.nulls[row] === 1) return 'null';
    const ms = numberAt(store, row);
    if (ms !== lastMs) {
      lastMs = ms;
      lastText = `"${isoText(ms)}"`;
    }
    return lastText;
  };
}

/** Texts of a pool that are kept as JSON. */
const QUOTED_MAX = 4_096;
const quoted = new WeakMap<TextSource, Map<number, string>>();

/** Dimensions repeat from tenant to tenant, and their codes stay while their table does. */
function quotedText({ pool }: RowSet, code: number): string {
  let known = quoted.get(pool);
  if (known === undefined) quoted.set(pool, (known = new Map()));
  let text = known.get(code);
  if (text === undefined) {
    text = JSON.stringify(pool.stringOf(code));
    if (known.size < QUOTED_MAX) known.set(code, text);
  }
  return text;
}

const INTEGERS: Partial<Record<ColumnType, (store: IntegerStore, row: number) => string>> = {
  int64(store, row) {
    const number = numberAt(store, row);
    return Number.isSafeInteger(number) ? String(number) : `"${bigintAt(store, row)}"`;
  },
  decimal(store, row) {
    const units = numberAt(store, row);
    // Arithmetic of numbers costs a fraction of that of bigints, and most amounts fit.
    if (!Number.isSafeInteger(units) || units < 0) return `"${decimalText(bigintAt(store, row))}"`;
    const whole = Math.floor(units / 1_000_000);
    return `"${whole}.${String(1_000_000 + units - whole * 1_000_000).slice(1)}"`;
  },
  boolean: (store, row) => (store.words[row * 2] === 1 ? 'true' : 'false'),
};

const TEXTS: Partial<Record<ColumnType, (rows: RowSet, code: number) => string>> = {
  uuid: (rows, code) => `"${uuidText(rows.pool.bytesOf(code), 0)}"`,
  bytes: (rows, code) => `"${Buffer.from(rows.pool.bytesOf(code)).toString('base64')}"`,
  // Parsed and written anew: a consumer that does the same must come to the same bytes.
  json: (rows, code) => JSON.stringify(JSON.parse(rows.pool.stringOf(code))),
};
