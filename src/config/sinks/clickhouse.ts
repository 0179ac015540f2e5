/** `type: 'clickhouse'`: rows of a table in ClickHouse. */
import { z } from 'zod';
import { duration, secret, size, text, whole } from '../fields.js';
import { tlsField } from './tls.js';

/** Engines of tables that are made here. */
export const CLICKHOUSE_ENGINES = [
  'MergeTree',
  'ReplacingMergeTree',
  'ReplicatedMergeTree',
  'ReplicatedReplacingMergeTree',
] as const;

const URL_EXPECTED = "expected a URL such as 'https://clickhouse.example.com:8443', without user, query and fragment";

const identifier = (description: string) =>
  text(description).refine((name) => Buffer.byteLength(name) <= 200 && !/\p{Cc}/u.test(name), {
    error: 'expected a name of at most 200 bytes',
  });

/** Text that may stand in a header. */
const HEADER_TEXT = /^[\x20-\x7e]*$/;

/** Rows of a table. */
export const clickhouseSinkField = z.strictObject({
  type: z.literal('clickhouse'),
  url: z
    .string({ error: URL_EXPECTED })
    .refine(isServerUrl, { error: URL_EXPECTED })
    .meta({ description: 'Where its HTTP interface is' }),
  tls: tlsField.optional().meta({ description: 'Authorities and certificates' }),
  user: text('Who we are').regex(HEADER_TEXT, { error: 'expected printable ASCII' }).default('default'),
  password: secret('Of that user', (value) => (HEADER_TEXT.test(value) ? null : 'expected printable ASCII')).optional(),
  database: identifier("The table's database").default('default'),
  table: identifier('The table'),
  setUp: z.boolean().default(true).meta({
    description: 'Whether to make the table and columns that it lacks, at every start',
  }),
  engine: z
    .enum(CLICKHOUSE_ENGINES, { error: `expected one of ${CLICKHOUSE_ENGINES.join(', ')}` })
    .default('MergeTree')
    .meta({
      description:
        'Of a table that is made: a Replacing one is ordered by tenant and event id, and merges rows that have the same',
    }),
  compression: z
    .enum(['none', 'gzip'], { error: "expected 'none' or 'gzip'" })
    .default('none')
    .meta({ description: 'Of what goes out' }),
  requestRowsMax: whole(100_000, 'Most rows of one insert', 1, 1_000_000),
  requestSizeMax: size('16 MiB', 'Largest insert, before compression', 1024, 256 * 1024 ** 2),
  timeout: duration('60 s', 'An answer that takes longer is not waited for: the insert is sent again', 100, 3_600_000),
});

function isServerUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return ['http:', 'https:'].includes(protocol) && username + password + search + hash === '';
}
