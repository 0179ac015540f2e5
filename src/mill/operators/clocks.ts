/**
 * The clocks that decide lateness, as one view sees them.
 *
 * `arrival`: a row's clock is its stamp. `now` is a bound that no row still to come lies below; it
 * closes windows. Stamps never fall within a partition, so the bound is the least of the
 * partitions' last stamps, where a partition that is read to its end counts as far as the log says.
 *
 * `event`: a row's clock is the largest event time of its tenant before it, in the order of the
 * rows; a tenant is in one partition, so that order is given. A clock record moves all tenants of
 * its partition by the time that passed in silence. No tenant's clock moves another's.
 */
import type { ColumnBatch, IntegerColumn } from '../../event/columns.js';
import { isNull } from '../../event/columns.js';
import { numberAt } from '../../event/integers.js';
import type { ArrivalClock, LogBatch } from '../../log/log.js';
import { valueAt } from '../../sql/row-value.js';
import type { SlowTenant } from '../standing.js';
import { Lookup } from '../kernels/lookups.js';
import type { ByteReader, ByteWriter } from '../../util/bytes.js';

/**
 * How much before its end and lag an event clock closes a window, ms: times are exact to a microsecond, so that a clock
 * which stands at the end closes it. All rows in it would be before the clock, as in RisingWave and Flink. By arrival an
 * event at that very moment is in time still.
 */
export const EDGE_MS = 0.001;

/** The bound of an `arrival` stream. */
export class ArrivalClocks {
  /** No row still to come is stamped below this. */
  now = -Infinity;
  readonly #last: number[];

  constructor(partitions: number) {
    this.#last = new Array<number>(partitions).fill(-Infinity);
  }

  /** The stamp of the last row that was read of each partition, ms; -Infinity before the first. */
  get last(): readonly number[] {
    return this.#last;
  }

  /** A batch was processed. */
  saw(batch: LogBatch): void {
    this.#last[batch.partition] = batch.receivedAt;
    this.now = Math.max(this.now, Math.min(...this.#last));
  }

  /** What the log says now, `offsets` being the next row to be read of each partition. */
  tick(clock: ArrivalClock, offsets: readonly number[]): void {
    const bounds = this.#last.map((last, partition) =>
      offsets[partition]! >= (clock.ends[partition] ?? 0) ? clock.clockMs : last,
    );
    this.now = Math.max(this.now, Math.min(...bounds));
  }
}

/** The clocks of an `event` stream's tenants. */
export class EventClocks {
  /** Clock of each tenant number, ms. */
  values = new Float64Array(64).fill(-Infinity);
  /** The largest of all. */
  largest = -Infinity;
  /** Rises whenever a clock moves. */
  version = 0;
  /** Window starts → tenants that have rows there; kept for global views only. */
  readonly contributors = new Map<number, Set<number>>();
  readonly #numbers = new Map<string, number>();
  readonly #partitions: number[] = [];
  readonly #timeColumn: number;
  readonly #tenantColumn: number;
  readonly #startOf: ((time: number) => number) | null;
  readonly #lookup: Lookup<Int32Array>;
  #partition = 0;

  /** `startOf`: the window of a time, for a global view, whose windows close by who is in them. */
  constructor(timeColumn: number, tenantColumn: number, startOf: ((time: number) => number) | null) {
    this.#timeColumn = timeColumn;
    this.#tenantColumn = tenantColumn;
    this.#startOf = startOf;
    this.#lookup = new Lookup<Int32Array>(
      (size) => new Int32Array(size),
      (table, at, dictionary, code) => {
        table[at] = code < 0 ? -1 : this.#numberOf(dictionary.stringOf(code));
      },
    );
  }

  /** The number of a tenant; undefined before its first row. */
  numberOf(tenant: string): number | undefined {
    return this.#numbers.get(tenant);
  }

  #numberOf(tenant: string): number {
    const known = this.#numbers.get(tenant);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    if (number === this.values.length) {
      const larger = new Float64Array(number * 2).fill(-Infinity);
      larger.set(this.values);
      this.values = larger;
    }
    this.#numbers.set(tenant, number);
    this.#partitions[number] = this.#partition;
    return number;
  }

  /** Takes a batch's rows in order; answers the clock before each. */
  take(batch: LogBatch): Float64Array {
    this.#partition = batch.partition;
    const clocks = new Float64Array(batch.rows);
    const times = batch.batch.column(this.#timeColumn) as IntegerColumn;
    const tenants = this.#tenantNumbers(batch.batch);
    for (let row = 0; row < batch.rows; row++) {
      const tenant = tenants(row);
      const clock = this.values[tenant]!;
      clocks[row] = clock;
      if (isNull(times.nulls, row)) continue;
      const time = numberAt(times, row);
      if (this.#startOf !== null) this.#contribute(this.#startOf(time), tenant);
      if (time > clock) this.#move(tenant, time);
    }
    return clocks;
  }

  #move(tenant: number, time: number): void {
    this.values[tenant] = time;
    if (time > this.largest) this.largest = time;
    this.version++;
  }

  #contribute(start: number, tenant: number): void {
    const tenants = this.contributors.get(start);
    if (tenants === undefined) this.contributors.set(start, new Set([tenant]));
    else tenants.add(tenant);
  }

  #tenantNumbers(batch: ColumnBatch): (row: number) => number {
    if (this.#tenantColumn < 0) {
      const number = this.#numberOf('');
      return () => number;
    }
    const column = batch.column(this.#tenantColumn);
    if (column.kind === 'dictionary') {
      const table = this.#lookup.of(column.dictionary);
      return (row) => table[column.codes[row]! + 1]!;
    }
    const { type } = batch.schema.columns[this.#tenantColumn]!;
    return (row) => this.#numberOf(String(valueAt(column, type, row)));
  }

  /** A clock record: `advanceMs` passed in silence in a partition. */
  advance(partition: number, advanceMs: number): void {
    for (let tenant = 0; tenant < this.#numbers.size; tenant++) {
      if (this.#partitions[tenant] === partition) this.#move(tenant, this.values[tenant]! + advanceMs);
    }
  }

  /** The least clock of a window's contributors; Infinity when nobody is known to have a row there. */
  leastOf(start: number): number {
    let least = Infinity;
    for (const tenant of this.contributors.get(start) ?? []) least = Math.min(least, this.values[tenant]!);
    return least;
  }

  /** The largest clock of each partition's tenants, ms. */
  get partitions(): readonly number[] {
    const largest: number[] = [];
    for (let tenant = 0; tenant < this.#numbers.size; tenant++) {
      const partition = this.#partitions[tenant]!;
      largest[partition] = Math.max(largest[partition] ?? -Infinity, this.values[tenant]!);
    }
    return largest;
  }

  /** The tenant that is furthest back, of those that `among` picks; undefined when there is none. */
  slowest(among: (tenant: string) => boolean = () => true): SlowTenant | undefined {
    let found: SlowTenant | undefined;
    for (const [tenant, number] of this.#numbers) {
      const clockMs = this.values[number]!;
      if (clockMs !== -Infinity && clockMs < (found?.clockMs ?? Infinity) && among(tenant)) found = { tenant, clockMs };
    }
    return found;
  }

  /** The least clock of all tenants. */
  least(): number {
    let least = Infinity;
    // A tenant that is only an entry of a dictionary has had no row.
    for (const clock of this.values.subarray(0, this.#numbers.size))
      if (clock !== -Infinity && clock < least) least = clock;
    return least === Infinity ? -Infinity : least;
  }

  write(writer: ByteWriter): void {
    writer.unsigned(this.#numbers.size);
    for (const [tenant, number] of this.#numbers) {
      writer.text(tenant);
      writer.unsigned(this.#partitions[number]!);
      writer.double(this.values[number]!);
    }
    writer.unsigned(this.contributors.size);
    for (const [start, tenants] of this.contributors) {
      writer.double(start);
      writer.unsigned(tenants.size);
      for (const tenant of tenants) writer.unsigned(tenant);
    }
  }

  read(reader: ByteReader): void {
    for (let left = reader.unsigned(); left > 0; left--) {
      const tenant = reader.text();
      this.#partition = reader.unsigned();
      this.#move(this.#numberOf(tenant), reader.double());
    }
    for (let left = reader.unsigned(); left > 0; left--) {
      const start = reader.double();
      for (let tenants = reader.unsigned(); tenants > 0; tenants--) this.#contribute(start, reader.unsigned());
    }
  }
}
