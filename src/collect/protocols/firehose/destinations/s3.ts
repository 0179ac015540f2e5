/**
 * ExtendedS3DestinationConfiguration and S3DestinationConfiguration: the sink `s3`, or folders in the place
 * of buckets.
 *
 * Records of a raw stream are written as they are, one after the other; events as lines of JSON, or as
 * Parquet where data format conversion asks for it. With `ErrorOutputPrefix` a second delivery brings what
 * failed of the stream, from the quarantine, where it stays as well.
 */
import { join } from 'node:path';
import { parseDelivery } from '../../../../config/deliveries.js';
import type { DeliveryOptions } from '../../../../config/options.js';
import { QUARANTINE_STREAM } from '../../../../event/internal.js';
import { holdsRecords } from '../../../../event/records.js';
import { MillraceError } from '../../../../util/errors.js';
import { onlyMembers, required, structureIn, textIn, type Structure } from '../input.js';
import { bufferingIn, choiceIn, retrySecondsIn } from './common.js';
import { pathSql } from './jq.js';
import type { DestinationContext, DestinationKind } from './kind.js';
import { processingIn } from './processing.js';

const PLAIN_MEMBERS = [
  'BucketARN',
  'Prefix',
  'ErrorOutputPrefix',
  'BufferingHints',
  'CompressionFormat',
  'EncryptionConfiguration',
];
const EXTENDED_MEMBERS = [
  'ProcessingConfiguration',
  'S3BackupMode',
  'DataFormatConversionConfiguration',
  'DynamicPartitioningConfiguration',
  'FileExtension',
  'CustomTimeZone',
];
const WITHOUT_EFFECT = ['RoleARN', 'CloudWatchLoggingOptions'];
const S3_PROCESSORS = ['Lambda', 'MetadataExtraction', 'AppendDelimiterToRecord'];
const BUFFERING = { mib: 5, seconds: 300, mibMax: 128 };
const BUCKET = /^arn:[a-z-]+:s3:::([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])$/;

/** Objects, with everything. */
export const extendedS3: DestinationKind = {
  create: 'ExtendedS3DestinationConfiguration',
  update: 'ExtendedS3DestinationUpdate',
  processors: S3_PROCESSORS,
  deliveries: (settings, context) =>
    deliveriesOf('ExtendedS3DestinationConfiguration', settings, [...PLAIN_MEMBERS, ...EXTENDED_MEMBERS], context),
  describe: describeS3,
};

/** Objects, as the older member has them. */
export const plainS3: DestinationKind = {
  create: 'S3DestinationConfiguration',
  update: 'S3DestinationUpdate',
  processors: [],
  deliveries: (settings, context) => deliveriesOf('S3DestinationConfiguration', settings, PLAIN_MEMBERS, context),
  describe: describeS3,
};

function deliveriesOf(
  path: string,
  settings: Structure,
  members: readonly string[],
  context: DestinationContext,
): DeliveryOptions[] {
  onlyMembers(settings, [...members, ...WITHOUT_EFFECT], path);
  choiceIn(settings, 'S3BackupMode', path, ['Disabled']);
  checkEncryption(settings, path);
  const store = storeOf(settings, path, context);
  const { mib, seconds } = bufferingIn(settings, path, BUFFERING);
  const common = {
    buffer: { size: `${mib} MiB`, interval: `${seconds} s` },
    start: 'newest',
  };
  const text = (name: string, max: number) => textIn(settings, name, path, { min: 0, max }) || undefined;
  const layout = {
    name: context.stream,
    ...given('timeZone', text('CustomTimeZone', 50)),
    ...given('extension', text('FileExtension', 50)),
  };
  const to = {
    ...store,
    ...layout,
    ...given('prefix', text('Prefix', 1_024)),
    ...formatOf(settings, path, context),
    ...partitionsOf(settings, path, context),
  };
  const deliveries = [parseDelivery(context.name, { ...common, from: context.from, to })];
  const errorPrefix = text('ErrorOutputPrefix', 1_024);
  if (errorPrefix !== undefined)
    deliveries.push(
      parseDelivery(`${context.name}.errors`, {
        ...common,
        from: QUARANTINE_STREAM,
        filter: `stream IN ('${context.stream}', '${context.from}')`,
        to: { ...store, ...layout, format: 'errors', errorPrefix: withErrorType(errorPrefix) },
      }),
    );
  return deliveries;
}

/** AWS puts the type at the end where the prefix does not say where. */
function withErrorType(prefix: string): string {
  return prefix.includes('!{firehose:error-output-type}') ? prefix : `${prefix}!{firehose:error-output-type}/`;
}

/** Where the bucket is. */
function storeOf(settings: Structure, path: string, { firehose }: DestinationContext): object {
  const bucket = bucketIn(settings, path);
  if (firehose.folder !== undefined) return { type: 'directory', path: join(firehose.folder, bucket) };
  if (firehose.s3 !== undefined) return { type: 's3', bucket, ...firehose.s3 };
  throw new MillraceError(
    'ARGUMENT_INVALID',
    `${path}: the configuration of Millrace does not say where S3 is: expected firehose.s3 or firehose.folder there`,
    { place: path },
  );
}

function bucketIn(settings: Structure, path: string): string {
  const arn = required(textIn(settings, 'BucketARN', path, { min: 1, max: 2_048 }), 'BucketARN', path);
  const bucket = BUCKET.exec(arn)?.[1];
  if (bucket !== undefined && !bucket.includes('..')) return bucket;
  throw new MillraceError('ARGUMENT_INVALID', `${path}.BucketARN: expected arn:aws:s3:::<bucket>, found '${arn}'`, {
    place: `${path}.BucketARN`,
  });
}

function checkEncryption(settings: Structure, path: string): void {
  const at = `${path}.EncryptionConfiguration`;
  const encryption = structureIn(settings, 'EncryptionConfiguration', path) ?? {};
  onlyMembers(encryption, ['NoEncryptionConfig'], at);
  choiceIn(encryption, 'NoEncryptionConfig', at, ['NoEncryption']);
}

function formatOf(settings: Structure, path: string, { schema, firehose }: DestinationContext): object {
  const compression = choiceIn(settings, 'CompressionFormat', path, ['UNCOMPRESSED', 'GZIP']);
  const raw = holdsRecords(schema);
  if (isParquet(settings, path)) {
    if (raw || compression === 'GZIP')
      throw new MillraceError(
        'ARGUMENT_INVALID',
        `${path}.DataFormatConversionConfiguration: expected a stream with a schema (tag millrace:schema), and no CompressionFormat`,
        { place: path },
      );
    return { format: 'parquet' };
  }
  const { delimiter } = processingIn(settings, path, S3_PROCESSORS, firehose);
  return {
    ...(raw ? { format: 'records', delimiter: delimiter ? 'newline' : 'none' } : { format: 'ndjson' }),
    compression: compression === 'GZIP' ? 'gzip' : 'none',
  };
}

/** The schema is the stream's, so that of Glue is accepted without effect. */
function isParquet(settings: Structure, path: string): boolean {
  const at = `${path}.DataFormatConversionConfiguration`;
  const conversion = structureIn(settings, 'DataFormatConversionConfiguration', path) ?? {};
  onlyMembers(
    conversion,
    ['Enabled', 'OutputFormatConfiguration', 'SchemaConfiguration', 'InputFormatConfiguration'],
    at,
  );
  if (conversion['Enabled'] === false || Object.keys(conversion).length === 0) return false;
  const output = structureIn(conversion, 'OutputFormatConfiguration', at) ?? {};
  onlyMembers(output, ['Serializer'], `${at}.OutputFormatConfiguration`);
  const serializer = structureIn(output, 'Serializer', `${at}.OutputFormatConfiguration`) ?? {};
  onlyMembers(serializer, ['ParquetSerDe'], `${at}.OutputFormatConfiguration.Serializer`);
  return true;
}

function partitionsOf(settings: Structure, path: string, { schema, firehose }: DestinationContext): object {
  const at = `${path}.DynamicPartitioningConfiguration`;
  const dynamic = structureIn(settings, 'DynamicPartitioningConfiguration', path) ?? {};
  onlyMembers(dynamic, ['Enabled', 'RetryOptions'], at);
  retrySecondsIn(dynamic, at);
  const { keys } = processingIn(settings, path, S3_PROCESSORS, firehose);
  if (keys.size > 0 && dynamic['Enabled'] !== true)
    throw new MillraceError('ARGUMENT_INVALID', `${at}: expected Enabled, since partition keys are extracted`, {
      place: at,
    });
  return {
    partitionBy: Object.fromEntries([...keys].map(([key, steps]) => [key, pathSql(steps, schema, `${at}.${key}`)])),
  };
}

function describeS3(settings: Structure): Structure {
  const path = 'S3DestinationConfiguration';
  const { mib, seconds } = bufferingIn(settings, path, BUFFERING);
  const defaults = {
    RoleARN: 'arn:aws:iam::000000000000:role/none',
    CompressionFormat: 'UNCOMPRESSED',
    EncryptionConfiguration: { NoEncryptionConfig: 'NoEncryption' },
    CloudWatchLoggingOptions: { Enabled: false },
  };
  const described = { ...defaults, ...settings, BufferingHints: { SizeInMBs: mib, IntervalInSeconds: seconds } };
  const plain = Object.fromEntries(
    Object.entries(described).filter(([name]) => [...PLAIN_MEMBERS, ...WITHOUT_EFFECT].includes(name)),
  );
  return {
    S3DestinationDescription: plain,
    ExtendedS3DestinationDescription: { S3BackupMode: 'Disabled', ...described },
  };
}

function given<T>(name: string, value: T | undefined): Record<string, T> {
  return value === undefined ? {} : { [name]: value };
}
