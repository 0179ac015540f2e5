/**
 * What a SQL text says, statement by statement: parsed, names not yet resolved.
 *
 * Trees are libpg-query's. Every `location` in them is a byte position in the **whole** text (`text`), so that
 * an error of the third statement of a file shows that file's line; see `parse.ts`.
 */
import type { JoinExpr, Node, SelectStmt, TypeName, WithClause } from 'libpg-query';
import type { ViewStatement } from '../parse.js';
import type { SqlType } from '../plan.js';

/**
 * How rows meet in a join that PostgreSQL's grammar has no words for.
 *
 * - `asof`: `a ASOF JOIN b ON …`: each left row meets the one best right row.
 * - `now`: `JOIN t FOR SYSTEM_TIME AS OF PROCTIME()`: the table as it is when the left row comes.
 * - `semi`, `anti`: `a SEMI JOIN b ON …`: left rows that meet one of the right side, or none.
 * - `asOfTime`: `JOIN t FOR SYSTEM_TIME AS OF l.ts`: the table as it was at the left row's time.
 */
export type JoinMark =
  | { readonly kind: 'asof' | 'semi' | 'anti' }
  | { readonly kind: 'now' }
  | {
      readonly kind: 'asOfTime';
      /** The column's name parts: `['l', 'ts']`. */
      readonly column: readonly string[];
      /** Byte position of the column. */
      readonly location: number;
    };

/** The joins of a statement that have a mark, by their node of the tree. */
export type JoinMarks = ReadonlyMap<JoinExpr, JoinMark>;

/** Where a statement stands. */
export interface StatementSource {
  /** The whole text: positions count from its start. */
  readonly text: string;
  readonly file: string | undefined;
  /** The statement as it was written, without `;`. */
  readonly sql: string;
  /** Byte position of its first token. */
  readonly location: number;
  readonly joins: JoinMarks;
}

/** A column of CREATE TABLE or CREATE SOURCE. */
export interface ColumnDefinition {
  readonly name: string;
  readonly type: SqlType;
  /** As it was written, for a cast to it with its precision. */
  readonly typeName: TypeName;
  /** Most characters of a `varchar(n)`; null: any number. */
  readonly lengthMax: number | null;
  readonly notNull: boolean;
  readonly default: Node | null;
  /** `name type AS expression`: computed from the row's other columns. */
  readonly generated: Node | null;
  /** Byte position of the name. */
  readonly location: number;
}

/** `WATERMARK FOR column AS column - INTERVAL '5 seconds'`. */
export interface WatermarkClause {
  readonly column: string;
  readonly delayMs: number;
  /** Byte position of the clause. */
  readonly location: number;
}

/** A value of WITH (…), and its byte position. */
export interface StatementOption {
  readonly value: string;
  readonly location: number;
}

/** CREATE TABLE and CREATE SOURCE. */
export interface CreateRelation extends StatementSource {
  readonly kind: 'createTable' | 'createSource';
  readonly name: string;
  readonly ifNotExists: boolean;
  /** Whether a table of that name gives way. */
  readonly orReplace: boolean;
  readonly columns: readonly ColumnDefinition[];
  /** Names of the PRIMARY KEY; null where there is none. */
  readonly primaryKey: readonly string[] | null;
  readonly watermark: WatermarkClause | null;
  readonly appendOnly: boolean;
  readonly options: ReadonlyMap<string, StatementOption>;
  /** `FORMAT … ENCODE …` as it was written; null where there is none. */
  readonly format: string | null;
}

/** CREATE TABLE … AS: a table, and in it the rows that a query has now. */
export interface CreateTableAs extends StatementSource {
  readonly kind: 'createTableAs';
  readonly name: string;
  readonly ifNotExists: boolean;
  readonly orReplace: boolean;
  /** The table as declared; null: it has the query's columns. */
  readonly columns: CreateRelation | null;
  /** Names for the query's columns, as far as they are given. */
  readonly names: readonly string[];
  readonly select: SelectStmt;
}

/** CREATE VIEW: a query with a name. */
export interface CreateView extends StatementSource {
  readonly kind: 'createView';
  readonly name: string;
  readonly ifNotExists: boolean;
  readonly orReplace: boolean;
  readonly columnNames: readonly string[];
  readonly select: SelectStmt;
}

/** CREATE MATERIALIZED VIEW. EMIT ON WINDOW CLOSE is its option `emit = 'close'`. */
export interface CreateMaterializedView extends StatementSource {
  readonly kind: 'createMaterializedView';
  readonly name: string;
  readonly ifNotExists: boolean;
  readonly view: ViewStatement;
}

/** CREATE SINK name FROM view, or AS SELECT. */
export interface CreateSink extends StatementSource {
  readonly kind: 'createSink';
  readonly name: string;
  readonly ifNotExists: boolean;
  /** The view's name, with its byte position; null with `select`. */
  readonly from: { readonly name: string; readonly location: number } | null;
  /** The query, as a view of the sink's name; null with `from`. */
  readonly view: ViewStatement | null;
  readonly options: ReadonlyMap<string, StatementOption>;
  readonly format: string | null;
}

/** What can be dropped, shown and described. */
export type ObjectKind = 'table' | 'source' | 'view' | 'materialized view' | 'sink';

/** DROP … */
export interface Drop extends StatementSource {
  readonly kind: 'drop';
  readonly object: ObjectKind;
  readonly names: readonly string[];
  readonly ifExists: boolean;
  readonly cascade: boolean;
}

/** INSERT INTO. */
export interface Insert extends StatementSource {
  readonly kind: 'insert';
  readonly target: { readonly name: string; readonly location: number };
  /** The column list, with byte positions; null: all, in order. */
  readonly columns: readonly { readonly name: string; readonly location: number }[] | null;
  /** VALUES or a SELECT. */
  readonly select: SelectStmt;
  /** Whether a row with a key that is there is left out: ON CONFLICT DO NOTHING. Else it takes that one's place. */
  readonly keepsOld: boolean;
  readonly returning: Returning;
}

/** What RETURNING selects of the rows that were changed; null where it is not there. */
export type Returning = readonly Node[] | null;

/** DELETE FROM and UPDATE of one table. */
export interface Change extends StatementSource {
  readonly kind: 'delete' | 'update';
  readonly target: { readonly name: string; readonly alias: string | null; readonly location: number };
  /** Items of FROM (UPDATE) or USING (DELETE). */
  readonly from: readonly Node[];
  readonly withClause: WithClause | null;
  readonly where: Node | null;
  /** UPDATE's SET list; a null value stands for DEFAULT. Empty for DELETE. */
  readonly set: readonly { readonly name: string; readonly value: Node | null; readonly location: number }[];
  readonly returning: Returning;
}

/** SELECT, VALUES, TABLE. */
export interface Select extends StatementSource {
  readonly kind: 'select';
  readonly select: SelectStmt;
}

/** EXPLAIN of a statement, or of a view that exists. */
export interface Explain extends StatementSource {
  readonly kind: 'explain';
  readonly statement: Select | CreateMaterializedView | CreateView | null;
  readonly name: { readonly name: string; readonly location: number } | null;
}

/** SHOW TABLES and the like; SHOW CREATE … name; SHOW setting. */
export interface Show extends StatementSource {
  readonly kind: 'show';
  readonly what:
    | { readonly list: ObjectKind | 'stream' | 'function' }
    | { readonly create: string; readonly location: number }
    | { readonly setting: string };
}

/** DESCRIBE name. */
export interface Describe extends StatementSource {
  readonly kind: 'describe';
  readonly name: string;
  /** Byte position of the name. */
  readonly nameLocation: number;
}

/** SET name = value. */
export interface Set extends StatementSource {
  readonly kind: 'set';
  readonly name: string;
  /** The values joined with `, `; null: DEFAULT and RESET. */
  readonly value: string | null;
}

/** FLUSH: all that was inserted is in the views. */
export interface Flush extends StatementSource {
  readonly kind: 'flush';
}

/** A statement of other engines that changes nothing here. */
export interface Nothing extends StatementSource {
  readonly kind: 'nothing';
  /** What its answer is called: `CREATE INDEX`. */
  readonly tag: string;
  readonly why: string;
  /** What must be there for it; null: nothing. */
  readonly relation: { readonly name: string; readonly location: number } | null;
}

/** SUBSCRIBE [TO] view: its changes as they come. */
export interface Subscribe extends StatementSource {
  readonly kind: 'subscribe';
  readonly name: string;
  /** Byte position of the name. */
  readonly nameLocation: number;
}

/** A statement. */
export type Statement =
  | CreateRelation
  | CreateTableAs
  | CreateView
  | CreateMaterializedView
  | CreateSink
  | Drop
  | Insert
  | Change
  | Select
  | Explain
  | Show
  | Describe
  | Set
  | Flush
  | Nothing
  | Subscribe;
