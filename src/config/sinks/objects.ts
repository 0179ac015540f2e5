/** `type: 'directory'` and `type: 's3'`: objects, named as Firehose names them. */
import { z } from 'zod';
import { QUARANTINE_STREAM } from '../../event/internal.js';
import { evaluatePrefix, parsePrefix, type PrefixUse } from '../../format/keys/prefix.js';
import { checkKey } from '../../io/objects.js';
import { zoneOf } from '../../sql/zones.js';
import { MillraceError } from '../../util/errors.js';
import { path, secret, text, whole } from '../fields.js';
import type { ConfigMistake } from '../issues.js';
import { tlsField } from './tls.js';

/** What a name in a key may have, so that it is one segment of it. */
const NAME_IN_KEY = /^[A-Za-z0-9_.-]{1,64}$/;
/** A name of a partition key. */
const PARTITION_KEY = /^[A-Za-z0-9_-]{1,64}$/;
/** What may stand at the end of a key. */
const EXTENSION = /^(\.[a-z0-9!()*'_-]+)*$/i;

const layoutFields = {
  prefix: prefixField('records').meta({
    description:
      'What keys begin with, with the expressions of Firehose such as `!{timestamp:yyyy/MM/dd}`; without a timestamp, `yyyy/MM/dd/HH/` comes behind it',
  }),
  errorPrefix: prefixField('errors').meta({
    description:
      'The same for a delivery from `quarantine`, where `!{firehose:error-output-type}` says why records failed',
  }),
  timeZone: text('The time zone of timestamps in keys').default('UTC').superRefine(orMistake(zoneOf)),
  name: text('The name in keys; left out: that of the stream')
    .regex(NAME_IN_KEY, { error: 'expected at most 64 of A-Z a-z 0-9 _ . -' })
    .optional(),
  version: whole(1, 'The version in keys', 1, 1_000_000_000),
  extension: text('What keys end with; left out: `.csv`, `.parquet`, `.gz`, `.zst` by what is written')
    .regex(EXTENSION, { error: 'expected an extension such as .json.gz' })
    .optional(),
};

const formatFields = {
  format: z
    .enum(['ndjson', 'csv', 'parquet', 'records', 'errors'], {
      error: 'expected ndjson, csv, parquet, records or errors',
    })
    .default('ndjson')
    .meta({
      description:
        "Lines of JSON, CSV, Parquet; `records`, the bytes of raw records; or `errors`, Firehose's lines of failed records, for a delivery from `quarantine`",
    }),
  delimiter: z
    .enum(['none', 'newline'], { error: "expected 'none' or 'newline'" })
    .default('none')
    .meta({ description: '`records`: what stands behind each record' }),
  compression: z
    .enum(['none', 'gzip', 'zstd'], { error: 'expected none, gzip or zstd' })
    .optional()
    .meta({ description: 'Left out: `none`, and `zstd` inside of Parquet' }),
  header: z.boolean().default(true).meta({ description: 'CSV: whether the first line has the names of the columns' }),
  timestamps: z
    .enum(['ms', 'iso'], { error: "expected 'ms' or 'iso'" })
    .default('ms')
    .meta({ description: 'JSON and CSV: times as ms since 1970, or as ISO 8601 text' }),
  rowGroupRows: whole(122_880, 'Parquet: most rows of a row group', 1_000, 1_000_000),
};

const partitionFields = {
  partitionBy: z
    .record(
      z.string().regex(PARTITION_KEY, { error: 'expected at most 64 of A-Z a-z 0-9 _ -' }),
      text('A column, or a SQL expression over columns'),
    )
    .default({})
    .meta({ description: 'Partition keys: names for the prefix → columns or SQL expressions over them' }),
  pack: z.boolean().default(false).meta({
    description:
      'One object a portion, sorted by the partition keys (without any: by tenant), instead of one a partition',
  }),
  sortBy: z
    .array(text('A column, or a SQL expression over columns'))
    .max(8, { error: 'expected at most 8' })
    .default([])
    .meta({ description: 'How rows are sorted within an object; left out: as they came' }),
};

const objectFields = { ...layoutFields, ...formatFields, ...partitionFields };

/** Objects in a folder. */
export const directorySinkField = z
  .strictObject({
    type: z.literal('directory'),
    path: path('The folder, made when it is not there; left out: `delivered/<delivery>` in the data folder')
      .optional()
      // Empty where it is left out; `withPaths` knows the data folder.
      .transform((folder) => folder ?? ''),
    ...objectFields,
  })
  .superRefine(checkTogether);

/** Where S3 is, or what speaks like it, and who asks. */
export const s3StoreFields = {
  region: text('Its region'),
  endpoint: text('Where it is not the S3 of Amazon: `https://host:port`').optional(),
  pathStyle: z
    .boolean()
    .optional()
    .meta({ description: 'Whether the bucket is in the path; left out: where there is an endpoint' }),
  accessKeyId: secret('The access key; left out: AWS_ACCESS_KEY_ID of the environment').prefault({
    env: 'AWS_ACCESS_KEY_ID',
  }),
  secretAccessKey: secret('Its secret; left out: AWS_SECRET_ACCESS_KEY of the environment').prefault({
    env: 'AWS_SECRET_ACCESS_KEY',
  }),
  sessionToken: secret('For temporary keys').optional(),
  tls: tlsField.optional().meta({ description: 'For an endpoint with authorities of its own' }),
};

/** Objects in a bucket of S3, or of what speaks like it. */
export const s3SinkField = z
  .strictObject({ type: z.literal('s3'), bucket: text('The bucket'), ...s3StoreFields, ...objectFields })
  .superRefine(checkTogether);

/** Settings that both types have. */
export type ObjectSinkOptions = z.output<typeof directorySinkField> | z.output<typeof s3SinkField>;

/** Settings that are for the quarantine's rows only. */
export function objectMistakes(from: string, { errorPrefix, format }: ObjectSinkOptions): ConfigMistake[] {
  if (from === QUARANTINE_STREAM) return [];
  const expected = `expected a delivery from '${QUARANTINE_STREAM}', which has all that failed, found '${from}'`;
  const mistakes: ConfigMistake[] = [];
  if (errorPrefix !== undefined) mistakes.push({ path: 'errorPrefix', message: expected });
  if (format === 'errors') mistakes.push({ path: 'format', message: expected });
  return mistakes;
}

function prefixField(use: PrefixUse) {
  return z
    .string({ error: 'expected a text' })
    .max(512, { error: 'expected at most 512 characters' })
    .superRefine(orMistake((value) => checkKey(sampleKey(value, use))))
    .optional();
}

/** A key with this prefix, to see that it can be one. */
function sampleKey(prefix: string, use: PrefixUse): string {
  const values = { localMs: 0, partition: () => 'x', random: () => 'x', errorType: 'x' };
  return `${evaluatePrefix(parsePrefix(prefix, use), values)}x`;
}

/** Runs `check` and makes of its error a mistake of the setting. */
function orMistake(check: (value: string) => unknown) {
  return (value: string, context: z.core.$RefinementCtx<string>): void => {
    try {
      check(value);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      context.addIssue({ code: 'custom', message: error.message, input: value });
    }
  };
}

/** What settings mean for each other. */
function checkTogether(
  {
    format,
    compression,
    pack,
    prefix = '',
    errorPrefix,
  }: Pick<z.output<z.ZodObject<typeof objectFields>>, 'format' | 'compression' | 'pack' | 'prefix' | 'errorPrefix'>,
  context: z.core.$RefinementCtx,
): void {
  const mistake = (at: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [at], message, input: undefined });
  if (format === 'parquet' && compression === 'gzip')
    mistake('compression', "expected 'zstd' or 'none' for Parquet, which compresses inside");
  if (prefix !== '' && errorPrefix !== undefined)
    mistake(
      'errorPrefix',
      'expected either prefix or errorPrefix: errors are a delivery of their own, from quarantine',
    );
  const names = namesIn(errorPrefix ?? prefix, errorPrefix === undefined ? 'records' : 'errors');
  if (pack && names.length > 0)
    mistake('pack', `expected no partition key in the prefix of packed objects, found ${names.join(', ')}`);
}

/** Partition keys of a prefix; none where it can't be read, which is told elsewhere. */
function namesIn(prefix: string, use: PrefixUse): readonly string[] {
  try {
    return parsePrefix(prefix, use).partitionKeys;
  } catch (error) {
    if (error instanceof MillraceError) return [];
    throw error;
  }
}
