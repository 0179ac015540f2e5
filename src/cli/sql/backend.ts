/** What answers the SQL of `millrace sql`: a pipeline in memory, or a server. */
import type { StatementText } from '../../sql/statements/statement-text.js';
import type { Cell } from '../output.js';

/** The answer to one statement. */
export interface SqlAnswer {
  /** `INSERT 0 2`; null where only the rows count. */
  readonly tag: string | null;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** Rows for people: as PostgreSQL prints them. */
  readonly rows: readonly (readonly Cell[])[];
  /** The same for programs. */
  readonly json: readonly (readonly unknown[])[];
  readonly notice?: string;
}

/** A stream, a table or a view. */
export interface SqlRelation {
  readonly name: string;
  /** `table`, `view`, … */
  readonly kind: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** A change of a view that is subscribed to. */
export interface SqlChange {
  /** `+` a row that is there now, `-` one that is gone. */
  readonly op: '+' | '-';
  readonly row: Readonly<Record<string, Cell>>;
}

/** Where SQL is run. */
export interface SqlBackend {
  /** For the shell's greeting. */
  readonly title: string;
  /** Runs one statement. Throws MillraceError. */
  run(statement: StatementText): Promise<SqlAnswer>;
  /** What there is to ask. */
  relations(): Promise<readonly SqlRelation[]>;
  /**
   * Calls `take` with each change of a view until `signal`. In memory it answers at once and changes come with later
   * statements; a server's promise ends with the signal.
   */
  subscribe(name: string, take: (change: SqlChange) => void, signal: AbortSignal): Promise<void>;
}
