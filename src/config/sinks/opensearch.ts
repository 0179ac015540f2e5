/** `type: 'opensearch'`: documents into indexes of OpenSearch or Elasticsearch. */
import { z } from 'zod';
import { duration, optionalDuration, secret, size, text, whole } from '../fields.js';
import { tlsField } from './tls.js';

/** When a new index begins, by Firehose's names. */
export const ROTATIONS = ['NoRotation', 'OneHour', 'OneDay', 'OneWeek', 'OneMonth'] as const;

const URL_EXPECTED = "expected a URL such as 'https://search.example.com:9200', without user, query and fragment";

const url = z
  .string({ error: URL_EXPECTED })
  .refine(isNodeUrl, { error: URL_EXPECTED })
  .transform((one) => one.replace(/\/+$/, ''));

/** What the cluster takes as a name, with room for what rotation adds. */
const INDEX = /^(?![-_+.])[^A-Z\s"*+\\/|,?#<>:]{1,200}$/;

const authField = z
  .strictObject({
    user: text('Of basic authentication').optional(),
    password: secret('Of that user').optional(),
    apiKey: secret("Elasticsearch's API key, in its encoded form, in place of user and password").optional(),
  })
  .refine(
    ({ user, password, apiKey }) =>
      apiKey === undefined
        ? (user === undefined) === (password === undefined)
        : user === undefined && password === undefined,
    { error: 'expected user and password, or apiKey, or nothing' },
  )
  .prefault({});

const json = z.record(z.string(), z.json(), { error: 'expected an object { … }' });

const templateField = z
  .strictObject({
    settings: json.default({}).meta({ description: 'Settings of new indexes, such as `{ number_of_shards: 3 }`' }),
    mappings: json.default({}).meta({
      description: 'Put over the mapping that the schema gives; `properties` one by one',
    }),
    priority: whole(200, 'Which template wins where several match', 0, 1_000_000),
  })
  .prefault({});

/** Where a cluster is, and who asks. */
export const clusterFields = {
  url: z
    .union([url, z.array(url).min(1).max(64)], { error: `${URL_EXPECTED}, or a list of them` })
    .transform((one) => (typeof one === 'string' ? [one] : one))
    .meta({ description: 'Where the cluster is; of several nodes each gets its turn' }),
  auth: authField.meta({ description: 'Who we are' }),
  tls: tlsField.optional().meta({ description: 'Authorities and certificates' }),
};

/** Documents in OpenSearch or Elasticsearch. */
export const opensearchSinkField = z
  .strictObject({
    type: z.literal('opensearch'),
    ...clusterFields,
    index: z
      .string()
      .regex(INDEX, {
        error:
          'expected a name of an index: lower case, none of " * + \\ / | , ? # < > : and not starting with - _ + .',
      })
      .meta({ description: 'The index, or what the names of its indexes start with, by `rotation`' }),
    rotation: z
      .enum(ROTATIONS, { error: `expected one of ${ROTATIONS.join(', ')}` })
      .default('OneDay')
      .meta({ description: 'How often a new index begins, by when the log took a row, in UTC' }),
    documentId: z
      .enum(['tenant-event', 'event'], { error: "expected 'tenant-event' or 'event'" })
      .default('tenant-event')
      .meta({
        description:
          '`_id`: `tenant~event id`, since tenants may use the same ids, or the event id alone, where no two tenants do',
      }),
    pipeline: text('An ingest pipeline that each document passes').optional(),
    compression: z
      .enum(['none', 'gzip'], { error: "expected 'none' or 'gzip'" })
      .default('none')
      .meta({ description: 'Of what goes out' }),
    requestRowsMax: whole(5_000, 'Most rows of one request', 1, 100_000),
    requestSizeMax: size('5 MiB', 'Largest request, before compression', 1024, 512 * 1024 ** 2),
    timeout: duration(
      '60 s',
      'An answer that takes longer is not waited for: the request is sent again',
      100,
      3_600_000,
    ),
    setUp: z.boolean().default(true).meta({
      description: 'Whether to put an index template and, with `retention`, a policy, at every start',
    }),
    template: templateField.meta({ description: 'What the index template has beside the mapping of the schema' }),
    retention: optionalDuration('Indexes are deleted when all of their rows are older; left out: never', 60_000),
  })
  .refine(({ retention, setUp, rotation }) => retention === undefined || (setUp && rotation !== 'NoRotation'), {
    error: 'expected setUp and a rotation: only whole indexes are deleted',
    path: ['retention'],
  });

function isNodeUrl(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { protocol, username, password, search, hash } = new URL(value);
  return ['http:', 'https:'].includes(protocol) && username + password + search + hash === '';
}
