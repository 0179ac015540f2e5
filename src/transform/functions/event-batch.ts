/**
 * Many events as columns, as a batch function gets them: read columns, set columns, keep rows. It is
 * never changed; each of its methods answers another batch that shares what is the same. Its columns
 * hold until the function has answered: later the memory is used again.
 */
import { batchOf, isNull, type Column, type ColumnBatch, type IntegerColumn } from '../../event/columns.js';
import type { ColumnsOf, EventOf } from '../../event/event-type.js';
import { gather } from '../../event/gather.js';
import { numbersInto } from '../../event/integers.js';
import { columnFromValues } from '../../event/rows.js';
import type { ColumnDefinition, Schema } from '../../event/schema.js';
import { eventReader } from '../../format/rows-reader.js';
import { packTexts } from '../../format/rows/patch-texts.js';
import { MillraceError } from '../../util/errors.js';

type Name<S> = Extract<keyof ColumnsOf<S>, string> | 'received_at';
type Value<S, N extends string> = N extends keyof EventOf<S> ? EventOf<S>[N] : unknown;

const MILLION = 1_000_000;

/** Many events as columns. */
export class EventBatch<S = Schema> {
  /** The columns as Millrace holds them; see `event/columns.ts`. */
  readonly columns: ColumnBatch;
  /** Of each row, the row of the batch that the function was given. */
  readonly origins: Uint32Array | null;

  constructor(columns: ColumnBatch, origins: Uint32Array | null = null) {
    this.columns = columns;
    this.origins = origins;
  }

  /** How many events there are. */
  get rows(): number {
    return this.columns.rows;
  }

  /** The values of a column, as an event has them. */
  values<N extends Name<S>>(name: N): Value<S, N>[] {
    const { column, definition } = this.#column(name);
    return valuesOf(definition, column, this.rows) as Value<S, N>[];
  }

  /**
   * A column of numbers (`int64`, `double`, `timestamp`, `decimal`, `boolean`) as doubles; NaN where it
   * is null. Beyond 2^53, and for decimals, the nearest.
   */
  numbers(name: Name<S>): Float64Array {
    const { column, definition } = this.#column(name);
    const numbers = new Float64Array(this.rows);
    if (column.kind === 'double') numbers.set(column.values);
    else if (column.kind === 'boolean') numbers.set(column.values);
    else if (column.kind === 'integer') {
      numbersInto(column, null, this.rows, numbers);
      if (definition.type === 'decimal') for (let row = 0; row < this.rows; row++) numbers[row]! /= MILLION;
    } else throw wrong(name, `is ${definition.type}; expected a column of numbers`);
    if (column.nulls !== null)
      for (let row = 0; row < this.rows; row++) if (isNull(column.nulls, row)) numbers[row] = NaN;
    return numbers;
  }

  /** The same events with a column set: one value an event, or doubles with NaN for null. */
  set(name: Name<S>, values: readonly unknown[] | Float64Array): EventBatch<S> {
    const { index, definition } = this.#column(name);
    if (values.length !== this.rows) throw wrong(name, `got ${values.length} values for ${this.rows} events`);
    const made = values instanceof Float64Array ? numberColumn(definition, values) : valueColumn(definition, values);
    const { columns } = this;
    return new EventBatch(
      {
        schema: columns.schema,
        rows: columns.rows,
        column: (at) => (at === index ? made : columns.column(at)),
      },
      this.origins,
    );
  }

  /** The same events with each text of a column replaced; called once a different text where it can be. */
  mapTexts(name: Name<S>, map: (text: string) => string | null): EventBatch<S> {
    const { column, definition } = this.#column(name);
    if (column.kind !== 'dictionary' && (column.kind !== 'bytes' || definition.type === 'bytes'))
      throw wrong(name, `is ${definition.type}; expected a column of texts`);
    const known = new Map<string, string | null>();
    const mapped = valuesOf(definition, column, this.rows).map((value) => {
      const text = value as string | null;
      if (text === null || column.kind !== 'dictionary') return text === null ? null : map(text);
      let answer = known.get(text);
      if (answer === undefined) known.set(text, (answer = map(text)));
      return answer;
    });
    return this.set(name, mapped);
  }

  /** The events for which `keeps` answers true. */
  filter(keeps: (row: number) => boolean): EventBatch<S> {
    const rows: number[] = [];
    for (let row = 0; row < this.rows; row++) if (keeps(row)) rows.push(row);
    return rows.length === this.rows ? this : this.pick(rows);
  }

  /** The events at `rows`, in that order; one may come several times. */
  pick(rows: ArrayLike<number>): EventBatch<S> {
    for (let i = 0; i < rows.length; i++)
      if (!(rows[i]! >= 0 && rows[i]! < this.rows))
        throw new MillraceError('TRANSFORM_FAILED', `there is no row ${rows[i]}; the batch has ${this.rows}`);
    const chosen = Uint32Array.from(rows);
    const { origins } = this;
    return new EventBatch<S>(
      rows.length === 0 ? emptied(this.columns) : gather(this.columns, chosen),
      origins === null ? chosen : chosen.map((row) => origins[row]!),
    );
  }

  #column(name: string): { index: number; definition: ColumnDefinition; column: Column } {
    const { schema } = this.columns;
    const index = schema.columns.findIndex((column) => column.name === name);
    if (index < 0)
      throw wrong(name, `is no column; expected one of ${schema.columns.map((one) => one.name).join(', ')}`);
    return { index, definition: schema.columns[index]!, column: this.columns.column(index) };
  }
}

/** One reader a column, since each generates code. */
const readers = new WeakMap<ColumnDefinition, ReturnType<typeof eventReader>>();

function valuesOf(definition: ColumnDefinition, column: Column, rows: number): unknown[] {
  const schema = { columns: [definition], roles: { tenant: -1, eventId: -1, eventTime: -1, receivedAt: -1 } };
  let reader = readers.get(definition);
  if (reader === undefined) readers.set(definition, (reader = eventReader(schema)));
  const read = reader({ schema, rows, column: () => column });
  const values = new Array<unknown>(rows);
  for (let row = 0; row < rows; row++) values[row] = read(row)[definition.name];
  return values;
}

/** A column of values; texts in one go. */
function valueColumn(definition: ColumnDefinition, values: readonly unknown[]): Column {
  if (definition.type !== 'string' || !values.every((value) => typeof value === 'string'))
    return columnFromValues(
      definition,
      Array.from(values, (value) => value ?? null),
    );
  return { kind: 'bytes', nulls: null, ...packTexts(values as readonly string[]) };
}

function emptied(batch: ColumnBatch): ColumnBatch {
  return batchOf(batch.schema, 0, []);
}

function wrong(name: string, what: string): MillraceError {
  return new MillraceError('TRANSFORM_FAILED', `'${name}' ${what}`, { place: name });
}

/** Doubles as a column of numbers. */
function numberColumn(definition: ColumnDefinition, values: Float64Array): Column {
  const { name, type, nullable } = definition;
  let nulls: Uint8Array | null = null;
  for (let row = 0; row < values.length; row++) {
    if (!Number.isNaN(values[row]!)) continue;
    if (!nullable)
      throw new MillraceError('EVENT_FIELD_MISSING', `row ${row}: '${name}' takes no null`, { place: name });
    nulls ??= new Uint8Array((values.length + 7) >> 3);
    nulls[row >> 3]! |= 1 << (row & 7);
  }
  switch (type) {
    case 'double':
      return { kind: 'double', nulls, values: nulls === null ? values : values.map((value) => value || 0) };
    case 'boolean':
      return { kind: 'boolean', nulls, values: Uint8Array.from(values, (value) => (value > 0 ? 1 : 0)) };
    case 'int64':
    case 'timestamp':
      return integers(definition, values, nulls, 1);
    case 'decimal':
      return integers(definition, values, nulls, MILLION);
    default:
      throw wrong(name, `is ${type}; expected values of that type, not doubles`);
  }
}

function integers(
  { name, type }: ColumnDefinition,
  values: Float64Array,
  nulls: Uint8Array | null,
  scale: number,
): IntegerColumn {
  const deltas = new Uint32Array(values.length * 2);
  for (let row = 0; row < values.length; row++) {
    const value = Number.isNaN(values[row]!) ? 0 : scale === 1 ? values[row]! : Math.round(values[row]! * scale);
    if (!Number.isSafeInteger(value))
      throw new MillraceError('EVENT_TYPE', `row ${row}: '${name}' is ${values[row]}; expected ${type}`, {
        place: name,
      });
    const high = Math.floor(value / 4_294_967_296);
    deltas[row * 2] = value - high * 4_294_967_296;
    deltas[row * 2 + 1] = high;
  }
  return { kind: 'integer', nulls, base: 0n, width: 8, deltas };
}
