/** What a query can read, by name. */
import type { SelectStmt } from 'libpg-query';
import type { JoinMarks } from '../statements/statement.js';
import type { Field } from './relation.js';

/** A SELECT as it was parsed, with the text its positions count in. */
export interface QuerySource {
  /** The whole text: positions in the tree are UTF-8 bytes from its start. */
  readonly text: string;
  readonly file: string | undefined;
  /** Joins that the grammar has no words for. */
  readonly joins?: JoinMarks;
}

/** A stream, a table or a view. */
export interface CatalogRelation {
  readonly kind: 'stream' | 'table' | 'view';
  readonly name: string;
  /** The stream that has its rows; default its name. */
  readonly source?: string;
  /** The source's column of each field; default all in order. */
  readonly columns?: readonly number[];
  readonly fields: readonly Field[];
  /** Fields that identify a row of a table; null for a stream: rows are only added. */
  readonly key: readonly number[] | null;
  /** The field that has the event time; null where there is none. */
  readonly time: number | null;
  /** The field that has the tenant; null where there is none. */
  readonly tenant: number | null;
  /** A view's query: it stands for the view wherever that is read. */
  readonly query?: QuerySource & { readonly select: SelectStmt; readonly columnNames: readonly string[] };
}

/** Relations by name. */
export type RelationCatalog = ReadonlyMap<string, CatalogRelation>;
