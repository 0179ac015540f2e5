/**
 * What a stream's events look like: named, typed columns, and which of them play a role.
 *
 * A schema is plain, frozen data. It travels to workers by structured clone and into segment
 * headers as JSON, so it holds no functions. Columns are addressed by position everywhere on the
 * hot path; names are for people, configs and SQL.
 */

/** The types a column can have. See `event/columns.ts` for the arrays that hold each. */
export type ColumnType =
  | 'uuid'
  | 'string'
  | 'dictionary'
  | 'list'
  | 'bytes'
  | 'int64'
  | 'double'
  | 'decimal'
  | 'timestamp'
  | 'boolean'
  | 'json';

/** One column of a schema. */
export interface ColumnDefinition {
  readonly name: string;
  readonly type: ColumnType;
  /** Whether a row may leave it out (or say `null`). */
  readonly nullable: boolean;
}

/** Which columns play a role; a position in `columns`, or -1 where the stream has none. */
export interface SchemaRoles {
  /** The advertiser a row belongs to: `dictionary`, not nullable. Partitions and isolation use it. */
  readonly tenant: number;
  /** The id by which a resend counts once: `uuid` or `string`, not nullable. */
  readonly eventId: number;
  /** When it happened, by the client's clock: `timestamp`. */
  readonly eventTime: number;
  /** When the log took it: `timestamp`, stamped by the log; every schema has it. */
  readonly receivedAt: number;
}

/** A stream's schema. Build one with `defineSchema`. */
export interface Schema {
  readonly columns: readonly ColumnDefinition[];
  readonly roles: SchemaRoles;
}

/** The name of the column that the log stamps. */
export const RECEIVED_AT = 'received_at';

/** Scale of `decimal`: values are 64-bit integers of millionths, `decimal(18,6)`. */
export const DECIMAL_SCALE = 6;
