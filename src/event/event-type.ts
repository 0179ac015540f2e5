/**
 * The type of a stream's events, from its schema: what a transform's function gets and what it may
 * return. Types only. The values are those of the table in `event/rows.ts`.
 */
import type { ColumnInput } from './schema-define.js';
import type { ColumnType, Schema } from './schema.js';

/** Columns as they are written. */
export type Columns = Readonly<Record<string, ColumnInput>>;

declare const COLUMNS: unique symbol;

/** A schema that knows its columns by type. */
export interface TypedSchema<C extends Columns> extends Schema {
  /** Never there at run time. */
  readonly [COLUMNS]?: C;
}

/** What a column's value is read as. */
interface Read {
  uuid: string;
  string: string;
  dictionary: string;
  list: string[];
  /** Base64. */
  bytes: string;
  /** A number while it is a safe integer, else its digits. */
  int64: number | string;
  double: number;
  /** Six digits behind the point: `'1.230000'`. */
  decimal: string;
  /** ms since 1970. */
  timestamp: number;
  boolean: boolean;
  json: unknown;
}

/** What a column takes. */
interface Taken {
  uuid: string;
  string: string | number | boolean | bigint;
  dictionary: string | number | boolean | bigint;
  list: readonly string[];
  /** Bytes, or base64. */
  bytes: Uint8Array | string;
  int64: number | bigint | string;
  double: number;
  decimal: number | string;
  /** ms since 1970, an ISO 8601 time, or a date. */
  timestamp: number | string | Date;
  boolean: boolean;
  json: unknown;
}

type TypeOf<I extends ColumnInput> = I extends { readonly type: infer T extends ColumnType }
  ? T
  : I extends `${infer T extends ColumnType}?`
    ? T
    : I extends ColumnType
      ? I
      : never;

type IsNullable<I extends ColumnInput> = I extends { readonly nullable: true }
  ? true
  : I extends `${string}?`
    ? true
    : false;

type OrNull<I extends ColumnInput, V> = IsNullable<I> extends true ? V | null : V;

/** One object type instead of several that are added up. */
type Flat<T> = { [K in keyof T]: T[K] };

/** The columns of a schema. */
export type ColumnsOf<S> = S extends TypedSchema<infer C> ? C : Columns;

/** An event of a schema as a function gets it: every column is there, null included. */
export type EventOf<S> = Flat<
  { -readonly [K in keyof ColumnsOf<S>]: OrNull<ColumnsOf<S>[K], Read[TypeOf<ColumnsOf<S>[K]>]> } & {
    /** When the log took it, ms since 1970. */
    received_at: number;
  }
>;

/** An event as a function may return it: what may be null may be left out. */
export type EventInput<S> = Flat<
  {
    readonly [K in keyof ColumnsOf<S> as IsNullable<ColumnsOf<S>[K]> extends true ? never : K]: Taken[TypeOf<
      ColumnsOf<S>[K]
    >];
  } & {
    readonly [K in keyof ColumnsOf<S> as IsNullable<ColumnsOf<S>[K]> extends true ? K : never]?:
      | Taken[TypeOf<ColumnsOf<S>[K]>]
      | null
      | undefined;
  } & { readonly received_at?: unknown }
>;
