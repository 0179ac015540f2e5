/** A function as a transform: the made stream in, a derived stream of the delivery's name out. */
import type { FirehoseOptions } from '../../../../config/options.js';
import type { TransformOptions } from '../../../../config/transform-options.js';
import { parseTransform } from '../../../../config/transforms-field.js';
import { isRecordsSchema, PARTITION_KEYS, PARTITIONED_RECORDS_SCHEMA } from '../../../../event/records.js';
import { defineSchema, type ColumnInput } from '../../../../event/schema-define.js';
import type { Schema } from '../../../../event/schema.js';
import type { LambdaProcessor } from './processing.js';

/** The transform; what comes out is of `schema`. */
export function lambdaTransform(
  { target, retries, bufferMib, bufferSeconds }: LambdaProcessor,
  made: {
    readonly name: string;
    readonly stream: string;
    readonly schema: Schema;
    readonly firehose: Pick<FirehoseOptions, 'region' | 'accountId'>;
  },
): TransformOptions {
  const { name, stream, schema, firehose } = made;
  const region = firehose.region ?? 'us-east-1';
  return parseTransform(name, name, {
    from: stream,
    schema,
    steps: [
      {
        lambda: target,
        schema,
        retries,
        bufferSize: `${Math.round(bufferMib * 1024)} KiB`,
        bufferInterval: `${Math.max(1, Math.round(bufferSeconds * 1000))} ms`,
        arn: `arn:aws:firehose:${region}:${firehose.accountId}:deliverystream/${stream}`,
        region,
      },
    ],
  });
}

/** A schema with a column for the partition keys that a function makes. */
export function withPartitionKeys(schema: Schema): Schema {
  if (isRecordsSchema(schema)) return PARTITIONED_RECORDS_SCHEMA;
  const { columns, roles } = schema;
  if (columns.some(({ name }) => name === PARTITION_KEYS)) return schema;
  const own = columns.filter((_, index) => index !== roles.receivedAt);
  const nameOf = (index: number): string | undefined => columns[index]?.name;
  const given = { tenant: nameOf(roles.tenant), eventId: nameOf(roles.eventId), eventTime: nameOf(roles.eventTime) };
  return defineSchema({
    columns: {
      ...Object.fromEntries(own.map(({ name, type, nullable }): [string, ColumnInput] => [name, { type, nullable }])),
      [PARTITION_KEYS]: 'json?',
    },
    ...(Object.fromEntries(Object.entries(given).filter(([, name]) => name !== undefined)) as Record<string, string>),
  });
}
