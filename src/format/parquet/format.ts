/** Parquet's own numbers, and what each column type becomes. */
import type { ColumnDefinition, ColumnType } from '../../event/schema.js';

/** "PAR1", at both ends of a file. */
export const PARQUET_MAGIC = Uint8Array.of(80, 65, 82, 49);

/** Physical types. */
export const PHYSICAL = { boolean: 0, int64: 2, double: 5, byteArray: 6, fixed: 7 } as const;
/** Encodings. */
export const ENCODING = { plain: 0, rle: 3, rleDictionary: 8 } as const;
/** Compression codecs. */
export const CODEC = { none: 0, zstd: 6 } as const;
/** Page types. */
export const PAGE = { data: 0, dictionary: 2 } as const;
/** Whether a field may be missing or repeat. */
export const REPETITION = { required: 0, optional: 1, repeated: 2 } as const;

/** How a column is stored. */
export interface ParquetColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  readonly fieldId: number;
  readonly physical: number;
  /** From the root to the leaf. */
  readonly path: readonly string[];
  readonly maxDefinition: number;
  readonly maxRepetition: number;
}

const PHYSICAL_OF: Readonly<Record<ColumnType, number>> = {
  uuid: PHYSICAL.fixed,
  string: PHYSICAL.byteArray,
  dictionary: PHYSICAL.byteArray,
  list: PHYSICAL.byteArray,
  bytes: PHYSICAL.byteArray,
  json: PHYSICAL.byteArray,
  int64: PHYSICAL.int64,
  decimal: PHYSICAL.int64,
  timestamp: PHYSICAL.int64,
  double: PHYSICAL.double,
  boolean: PHYSICAL.boolean,
};

/** How a column of a schema is stored. */
export function parquetColumn(column: ColumnDefinition, fieldId: number): ParquetColumn {
  const { name, type, nullable } = column;
  const isList = type === 'list';
  return {
    name,
    type,
    nullable,
    fieldId,
    physical: PHYSICAL_OF[type],
    path: isList ? [name, 'list', 'element'] : [name],
    maxDefinition: (nullable ? 1 : 0) + (isList ? 1 : 0),
    maxRepetition: isList ? 1 : 0,
  };
}
