/** Transforms after parsing: plain data, so it crosses threads. */
import type { ColumnType, Schema } from '../event/schema.js';

/** One transform: a reader of `from` that writes the derived stream `to`. */
export interface TransformOptions {
  readonly name: string;
  readonly from: string;
  readonly to: string;
  /** Columns of the output; undefined: what the steps make of the input's. */
  readonly schema: Schema | undefined;
  readonly steps: readonly StepOptions[];
  /** Undefined: as many as `from` has. */
  readonly partitions: number | undefined;
  readonly clock: 'arrival' | 'event';
  readonly retentionMs: number;
  readonly bytesMax: number;
  readonly policy: 'refuse' | 'cut';
  readonly lake: boolean;
}

/** One step of a transform. */
export type StepOptions =
  | FilterOptions
  | RenameOptions
  | MaskOptions
  | HashOptions
  | SetOptions
  | SplitOptions
  | SampleOptions
  | FlattenOptions
  | LookupOptions
  | DedupeOptions
  | EnrichOptions
  | FunctionOptions
  | LambdaOptions;

/** Rows pass where the condition is true. */
export interface FilterOptions {
  readonly verb: 'filter';
  readonly condition: string;
}

/** New names by old ones. */
export interface RenameOptions {
  readonly verb: 'rename';
  readonly names: Readonly<Record<string, string>>;
}

/** How a text is masked: all but its last characters, or an address down to its network. */
export type MaskRule = { readonly keepLast: number } | 'ip';

/** Columns of which only a part stays. */
export interface MaskOptions {
  readonly verb: 'mask';
  readonly columns: Readonly<Record<string, MaskRule>>;
}

/** Columns that are replaced by a keyed hash. */
export interface HashOptions {
  readonly verb: 'hash';
  readonly columns: readonly string[];
  readonly secret: string;
}

/** Expressions by the column that takes them, in order. */
export interface SetOptions {
  readonly verb: 'set';
  readonly columns: readonly SetColumn[];
}

/** A column and its value. */
export interface SetColumn {
  readonly name: string;
  readonly sql: string;
  /** Of a new column; undefined: the expression's. */
  readonly type: ColumnType | undefined;
}

/** One event an item of `column`, or one a case that holds. */
export interface SplitOptions {
  readonly verb: 'split';
  readonly column: string | undefined;
  readonly cases: readonly { readonly name: string; readonly condition: string }[];
  /** The column that holds the item or the case's name. */
  readonly as: string;
}

/** A part of the events, always the same by the same key. */
export interface SampleOptions {
  readonly verb: 'sample';
  readonly rate: number;
  /** Undefined: the event id. */
  readonly by: string | undefined;
}

/** Fields of a json column as columns. */
export interface FlattenOptions {
  readonly verb: 'flatten';
  readonly column: string;
  readonly fields: readonly FlattenField[];
}

/** A new column and where its value is in the json. */
export interface FlattenField {
  readonly name: string;
  readonly path: readonly string[];
  readonly type: ColumnType;
}

/** Columns of a file, by a key. */
export interface LookupOptions {
  readonly verb: 'lookup';
  /** Absolute. */
  readonly file: string;
  /** The event's column. */
  readonly key: string;
  /** The file's. */
  readonly fileKey: string;
  readonly columns: readonly { readonly name: string; readonly field: string; readonly type: ColumnType }[];
  readonly rowsMax: number;
  readonly missing: 'null' | 'drop' | 'quarantine';
}

/** The first event of each key within a window. */
export interface DedupeOptions {
  readonly verb: 'dedupe';
  readonly by: readonly string[];
  readonly windowMs: number;
  readonly keysMax: number;
}

/** What a user agent says. */
export interface EnrichOptions {
  readonly verb: 'enrich';
  readonly userAgent: string;
  readonly prefix: string;
}

/** A function of the user's: an event or a batch at a time. */
export interface FunctionOptions {
  readonly verb: 'function' | 'batchFunction';
  /** The module, absolute. */
  readonly file: string;
  /** What it returns; undefined: what it is given. */
  readonly schema: Schema | undefined;
  /** For one event, or one batch. */
  readonly timeoutMs: number;
  readonly memoryBytesMax: number;
  /** Events under way at once, where the function is asynchronous. */
  readonly concurrency: number;
}

/** A function that speaks the Lambda contract of Amazon Data Firehose. */
export interface LambdaOptions {
  readonly verb: 'lambda';
  /** An address, or the file of a handler module, absolute. */
  readonly target: { readonly url: string } | { readonly file: string };
  readonly schema: Schema | undefined;
  readonly timeoutMs: number;
  readonly memoryBytesMax: number;
  readonly retries: number;
  /** Invocations at once. */
  readonly concurrency: number;
  readonly buffer: { readonly recordsMax: number; readonly bytesMax: number; readonly intervalMs: number };
  readonly arn: string;
  readonly region: string;
}
