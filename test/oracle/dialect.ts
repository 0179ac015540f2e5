/** The two dialects that queries are printed in. */

/** A dialect. */
export type Dialect = 'ours' | 'duck';

/** Thrown where DuckDB has no way to say it. */
export class NotInDuck extends Error {}

/** An interval's text. */
export function interval(ms: number): string {
  return ms % 1000 === 0 ? `INTERVAL '${ms / 1000} seconds'` : `INTERVAL '${ms} milliseconds'`;
}
