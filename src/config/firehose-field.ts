/** The Firehose API as it is configured. */
import { z } from 'zod';
import { path, text } from './fields.js';
import type { FirehoseOptions } from './options.js';
import { allowPrivateField } from './sinks/http.js';
import { s3StoreFields } from './sinks/objects.js';
import { clusterFields } from './sinks/opensearch.js';
import { tlsWithPaths } from './sinks/tls.js';

/** `firehose` of the configuration. */
export const firehoseField = z
  .strictObject({
    enabled: z.boolean().default(true).meta({ description: 'Whether `POST /` answers calls of the Firehose API' }),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, { error: "expected a region such as 'eu-west-1'" })
      .optional()
      .meta({
        description: 'The only region that signatures may name; left out: any. Also that of ARNs, else `us-east-1`',
      }),
    accountId: z
      .string()
      .regex(/^\d{12}$/, { error: "expected an account id of 12 digits such as '123456789012'" })
      .default('000000000000')
      .meta({ description: 'The account in ARNs' }),
    allowPrivate: allowPrivateField.meta({
      description:
        'Addresses that HTTP destinations made through the API may have beside those of the internet: a list of networks, or `true` for all private ones',
    }),
    s3: z
      .strictObject(s3StoreFields)
      .optional()
      .meta({ description: 'Where the buckets of S3 destinations are; left out: there are no such destinations' }),
    folder: path('Instead of S3: buckets are folders in this one').optional(),
    domains: z
      .record(z.string(), z.strictObject(clusterFields))
      .default({})
      .meta({ description: 'Clusters of OpenSearch destinations, by the name of the domain or its endpoint' }),
    lambda: z.record(z.string(), text('An address, or a module with `export const handler`')).default({}).meta({
      description: 'Functions that destinations may name, by ARN or name: an address, or the path of a module',
    }),
  })
  .refine(({ s3, folder }) => s3 === undefined || folder === undefined, {
    error: 'expected either s3 or folder',
    path: ['folder'],
  })
  .prefault({});

/** The Firehose API as options; `at` makes a path absolute. */
export function firehoseOptions(values: z.output<typeof firehoseField>, at: (path: string) => string): FirehoseOptions {
  const { region, s3, folder, domains, lambda, ...firehose } = values;
  return {
    ...firehose,
    ...(region === undefined ? {} : { region }),
    ...(s3 === undefined ? {} : { s3: { ...s3, tls: tlsWithPaths(s3.tls, at) } }),
    ...(folder === undefined ? {} : { folder: at(folder) }),
    lambda: Object.fromEntries(
      Object.entries(lambda).map(([name, target]) => [name, /^https?:\/\//.test(target) ? target : at(target)]),
    ),
    domains: Object.fromEntries(
      Object.entries(domains).map(([name, domain]) => [name, { ...domain, tls: tlsWithPaths(domain.tls, at) }]),
    ),
  };
}
