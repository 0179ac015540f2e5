/**
 * What an error of PostgreSQL means to a pull, by SQLSTATE, and what to do about it.
 *
 * | state | becomes |
 * |---|---|
 * | 42501 | PULL_DATABASE_REFUSED, with the GRANT to run |
 * | 28, 3D, 3F | PULL_DATABASE_REFUSED: user, password, database or schema |
 * | 42 | PULL_TABLE_CHANGED: it was changed while we ran; it is looked at again |
 * | 53100 | PULL_DATABASE_FULL |
 * | 22, 23, 44, P0 | PULL_ROWS_REFUSED: a constraint or trigger of the advertiser's own |
 * | any other, or none (the connection) | PULL_DATABASE_UNAVAILABLE: comes again |
 */
import type { ErrorCode } from '../../../util/errors.js';
import { MillraceError } from '../../../util/errors.js';

/** What an error is told with. */
export interface FailurePlace {
  /** How errors call the database. */
  readonly name: string;
  readonly schema: string;
  /** Tables that are used, quoted. */
  readonly tables: readonly string[];
  /** The role, for the GRANT; null when only the server knows it. */
  readonly user: string | null;
}

/** An error of the driver as one that people read; others come back as they are. */
export function failureOf(error: unknown, place: FailurePlace): unknown {
  if (error instanceof MillraceError || !(error instanceof Error)) return error;
  const { code } = error as { readonly code?: unknown };
  const state = typeof code === 'string' ? code : '';
  const detail = detailOf(error);
  const made = (kind: ErrorCode, advice: string): MillraceError =>
    new MillraceError(kind, `${place.name}: ${error.message}${detail}${state === '' ? '' : ` (${state})`}${advice}`, {
      place: place.name,
      cause: error,
    });
  if (state === '42501') return made('PULL_DATABASE_REFUSED', `; run as its owner: ${grants(place)}`);
  if (/^(28|3D|3F)/.test(state)) return made('PULL_DATABASE_REFUSED', '; look at the address given by --into');
  if (state.startsWith('42')) return made('PULL_TABLE_CHANGED', '');
  if (state === '53100') return made('PULL_DATABASE_FULL', '; make room there, then it goes on by itself');
  if (/^(22|23|44|P0)/.test(state))
    return made('PULL_ROWS_REFUSED', '; is there a constraint or trigger of your own on the table?');
  if (isBug(error, state)) return error;
  return made('PULL_DATABASE_UNAVAILABLE', '');
}

/** Errors of our own program have no code of the server or the system, and are no words of the driver. */
function isBug(error: Error, state: string): boolean {
  return state === '' && (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError);
}

function detailOf(error: Error): string {
  const { column, constraint, table } = error as { column?: string; constraint?: string; table?: string };
  const parts = [
    table && `table "${table}"`,
    constraint && `constraint "${constraint}"`,
    column && `column "${column}"`,
  ];
  const text = parts.filter((part) => part !== undefined && part !== '').join(', ');
  return text === '' ? '' : `, ${text}`;
}

function grants({ schema, tables, user }: FailurePlace): string {
  const role = user === null ? '<the role that connects>' : `"${user.replaceAll('"', '""')}"`;
  const name = `"${schema.replaceAll('"', '""')}"`;
  return (
    `GRANT USAGE, CREATE ON SCHEMA ${name} TO ${role}; ` +
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ${tables.join(', ')} TO ${role};`
  );
}
