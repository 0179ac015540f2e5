/** What a statement of a session answers. */
import type { SqlType } from '../../sql/plan.js';
import type { Value } from '../../sql/value.js';

/** A column of a result. */
export interface ResultColumn {
  readonly name: string;
  readonly type: SqlType;
}

/** The answer to one statement. */
export interface Result {
  /** `SELECT 3`, `INSERT 0 2`, `CREATE TABLE`, as psql shows it. */
  readonly tag: string;
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly Value[])[];
  /** How many rows an INSERT, UPDATE or DELETE changed. */
  readonly count?: number;
  /** What the user should know although it worked. */
  readonly notice?: string;
}

/** A result without rows. */
export function done(tag: string, more: Partial<Pick<Result, 'count' | 'notice'>> = {}): Result {
  return { tag, columns: [], rows: [], ...more };
}

/** A result of texts. */
export function listing(names: readonly string[], rows: readonly (readonly (string | null)[])[], tag: string): Result {
  return { tag, columns: names.map((name) => ({ name, type: 'text' })), rows };
}
