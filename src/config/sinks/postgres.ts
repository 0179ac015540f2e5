/** `type: 'postgres'`: rows of a table in PostgreSQL. */
import { z } from 'zod';
import { duration, secret, size, text, whole } from '../fields.js';
import { tlsField } from './tls.js';

/** Why a text is no address of a database, or null. */
function urlMistake(url: string): string | null {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (
    parsed === null ||
    !/^postgres(ql)?:$/.test(parsed.protocol) ||
    parsed.hostname === '' ||
    parsed.pathname.length < 2
  )
    return "expected a URL such as 'postgres://user:password@db.example.com:5432/database'";
  if (parsed.username === '') return 'expected a URL with a user';
  return parsed.search + parsed.hash === '' ? null : 'expected a URL without parameters; `tls` says what is encrypted';
}

/** Longest name that PostgreSQL keeps, bytes. */
const NAME_BYTES_MAX = 63;

const identifier = (description: string) =>
  text(description).refine((name) => Buffer.byteLength(name) <= NAME_BYTES_MAX && !name.includes('\0'), {
    error: `expected a name of at most ${NAME_BYTES_MAX} bytes`,
  });

/** Rows of a table. */
export const postgresSinkField = z.strictObject({
  type: z.literal('postgres'),
  url: secret('Where the database is: `postgres://user:password@host:port/database`', urlMistake),
  tls: tlsField.optional().meta({
    description:
      'Left out: connections are not encrypted; `{}`: encrypted, the server known by the system’s authorities',
  }),
  schema: identifier("The table's schema").default('public'),
  table: identifier('The table'),
  key: z
    .array(text('A column'))
    .min(1, { error: 'expected at least one column' })
    .max(8, { error: 'expected at most 8 columns' })
    .optional()
    .meta({
      description:
        'Columns by which a row that comes again is known; default: tenant and event id, or in a stream without ids the place in the stream',
    }),
  onConflict: z.enum(['update', 'ignore'], { error: "expected 'update' or 'ignore'" }).default('update').meta({
    description: 'What a row does whose key is there: its values replace those, or it is left out',
  }),
  setUp: z.boolean().default(true).meta({
    description: 'Whether to make the table and columns that it lacks, at every start',
  }),
  requestRowsMax: whole(10_000, 'Most rows of one transaction', 1, 1_000_000),
  requestSizeMax: size('8 MiB', 'Most bytes of one transaction', 1024, 512 * 1024 ** 2),
  timeout: duration('60 s', 'A transaction that takes longer is ended and tried again', 100, 3_600_000),
});
