/** The columns of an operator's aggregates: of its cells, and of others that are made beside them. */
import type { AggregateSpec } from '../../../../sql/relation/relation.js';
import type { SqlType } from '../../../../sql/plan.js';
import { ByteReader, ByteWriter } from '../../../../util/bytes.js';
import type { Accumulator } from '../accumulators.js';
import { CountColumn, type PackedColumn } from './column.js';
import { GeneralColumn } from './general-column.js';
import { ExtremeColumn, SumColumn, type Scale } from './number-columns.js';

const INTEGERS: ReadonlySet<SqlType> = new Set<SqlType>(['smallint', 'integer', 'bigint']);
const ORDERED: ReadonlySet<SqlType> = new Set<SqlType>([...INTEGERS, 'date', 'time', 'timestamp', 'timestamptz']);

/** Makes the columns of one aggregate. */
export class ColumnFamily {
  readonly accumulator: Accumulator;
  readonly #make: (() => PackedColumn) | null;
  #isGeneral: boolean;

  constructor(spec: AggregateSpec, accumulator: Accumulator) {
    this.accumulator = accumulator;
    this.#make = spec.distinct && spec.name !== 'min' && spec.name !== 'max' ? null : packed(spec);
    this.#isGeneral = this.#make === null;
  }

  /** Whether its values are objects. */
  get isGeneral(): boolean {
    return this.#isGeneral;
  }

  /** A column of no cells. */
  column(): PackedColumn {
    return this.#isGeneral ? new GeneralColumn(this.accumulator) : this.#make!();
  }

  /** From now on its columns take everything: makes such a one of `column`, with the cells that `isUsed`. */
  generalise(column: PackedColumn, capacity: number, isUsed: (cell: number) => boolean): PackedColumn {
    this.#isGeneral = true;
    const general = this.column();
    general.grow(capacity);
    const writer = new ByteWriter();
    for (let cell = 0; cell < capacity; cell++) {
      if (!isUsed(cell)) continue;
      writer.length = 0;
      column.write(cell, writer);
      general.read(cell, new ByteReader(writer.copy()));
    }
    return general;
  }
}

function packed({ args, name }: AggregateSpec): (() => PackedColumn) | null {
  if (name === 'count') return () => new CountColumn();
  const type = args[0]?.type;
  if (type === undefined) return null;
  const scale: Scale = { of: type === 'numeric' ? null : 0 };
  const isNumber = INTEGERS.has(type) || type === 'numeric';
  if ((name === 'sum' || name === 'avg') && isNumber) return () => new SumColumn(type, name === 'avg', scale);
  if ((name === 'min' || name === 'max') && (ORDERED.has(type) || type === 'numeric'))
    return () => new ExtremeColumn(type, name === 'min' ? 1 : -1, scale);
  return null;
}
