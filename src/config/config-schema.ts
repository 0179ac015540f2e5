/**
 * The configuration as people write it: the one description from which come the parser, the
 * defaults, the messages, the JSON schema and `docs/reference/config.md`.
 */
import { z } from 'zod';
import { alertsField } from './alerts-field.js';
import { deliveriesField } from './deliveries-field.js';
import { NAME, NAME_EXAMPLE, duration, optionalWhole, path, size, text, whole } from './fields.js';
import { firehoseField } from './firehose-field.js';
import { schemaField } from './schema-field.js';
import { transformsField } from './transforms-field.js';
import { operatorAccessKeysField, operatorsField, tenantsField } from './tenants-field.js';

const httpField = z
  .strictObject({
    host: text('Address to listen at; anything but this machine is refused while there are demo keys').default(
      '127.0.0.1',
    ),
    port: whole(7070, 'Port; 0 takes a free one', 0, 65_535),
    bodySizeMax: size('8 MiB', 'Largest body, after decompression', 1024, 1024 ** 3),
    batchEventsMax: whole(10_000, 'Most events in one request', 1, 1_000_000),
    eventSizeMax: size('64 KiB', 'Largest event', 256, 16 * 1024 ** 2),
    connectionsMax: whole(10_000, 'Most open connections', 1, 1_000_000),
    pendingSizeMax: size('64 MiB', 'Bodies being worked on at once; beyond it the answer is 429', 1024 ** 2),
    requestTimeout: duration('30 s', 'A request slower than this is ended', 100),
    drain: duration('10 s', 'How long SIGTERM waits for requests under way', 0),
    trustProxy: z.boolean().default(false).meta({ description: 'Whether `X-Forwarded-For` names the visitor' }),
  })
  .prefault({});

const streamField = z.strictObject({
  schema: schemaField,
  partitions: whole(1, 'Fixed when the stream is made; partition = hash(tenant) mod partitions', 1, 64),
  clock: z.enum(['arrival', 'event'], { error: "expected 'arrival' or 'event'" }).default('arrival').meta({
    description: '`arrival`: lateness by when the log took a row; `event`: by the largest event time so far (imports)',
  }),
  retention: duration('7 d', 'How long rows stay in the log after every reader has passed', 1_000),
  sizeMax: size('50 GiB', 'Log on disk at which the policy acts', 1024 ** 2),
  policy: z.enum(['refuse', 'cut'], { error: "expected 'refuse' or 'cut'" }).default('refuse').meta({
    description: 'At the size: `refuse` new events with 503, or `cut` the oldest, which is counted in the audit',
  }),
  lake: z.boolean().default(true).meta({ description: 'Whether rows go to the lake (Parquet)' }),
});

const viewField = z.union(
  [path('A file or a pattern such as `./views/*.sql`'), z.strictObject({ sql: text('The statements') })],
  {
    error: "expected a path such as './views/*.sql' or { sql: 'CREATE MATERIALIZED VIEW …' }",
  },
);

const collectField = z
  .strictObject({
    defaultStream: z
      .string()
      .regex(NAME, { error: `expected ${NAME_EXAMPLE}` })
      .default('events')
      .meta({
        description: 'The stream of pixels, clicks and postbacks, and of events sent without a stream',
      }),
    futureMax: duration('10 min', 'How far in the future an event time may be; beyond it, the quarantine', 0),
    quarantineTenantSizeMax: size(
      '64 MiB',
      'Bytes a tenant may have in the quarantine a day; beyond it dropped(quarantine_full)',
      0,
    ),
    quarantineEventSizeMax: size(
      '64 KiB',
      'Longest original kept in the quarantine; beyond it length and hash',
      0,
      64 * 1024,
    ),
    dedupeWindow: duration('24 h', 'How long a resent event id counts once', 1_000),
    dedupeIdsMax: whole(200_000_000, 'Event ids remembered; beyond it the oldest hour leaves', 1_000, 4_000_000_000),
    clickWait: duration('200 ms', 'How long a click waits for the log before it is redirected unlogged', 0, 5_000),
    guardKeysMax: whole(
      100_000,
      'Keys that a guard holds in memory; beyond it the one whose row appeared longest ago leaves',
      1,
      10_000_000,
    ),
    guardBehindMax: duration(
      '10 s',
      'How far a guard may be behind; beyond it events pass, labelled guard_unavailable',
      100,
      3_600_000,
    ),
    signingKeys: z
      .array(
        z.strictObject({
          id: text('Named in the link'),
          secret: text('At least 32 characters').min(32, { error: 'expected a secret of at least 32 characters' }),
        }),
      )
      .default([])
      .meta({
        description:
          'Secrets of click links: the first signs, all verify. Empty: made at the first start and kept in the data folder',
      }),
  })
  .prefault({});

const logField = z
  .strictObject({
    segmentSize: size('64 MiB', 'One segment file', 64 * 1024, 4 * 1024 ** 3),
    pendingSizeMax: size('64 MiB', 'Bytes waiting for a commit; beyond it the answer is 429', 64 * 1024),
  })
  .prefault({});

const millField = z
  .strictObject({
    stateSizeMax: size(
      '256 MiB',
      "Memory of one view's open windows; beyond it rows of new keys go to the late stream",
      1024 ** 2,
    ),
    checkpoint: duration('30 s', 'How often state is saved, so that a restart replays less', 100),
    epochKeep: duration(
      '7 days',
      'How long the definition of a view before a change is computed and served to consumers after the new one answers',
      0,
    ),
    swap: z
      .enum(['auto', 'manual'])
      .default('auto')
      .describe(
        "When a changed view's new definition answers: once it has come as far, or when `millrace swap` says so",
      ),
  })
  .prefault({});

const lakeField = z
  .strictObject({
    runRowsMax: whole(1_000_000, 'Most rows of one sorted run', 1_000, 10_000_000),
    run: duration('10 min', 'Longest time until a run is written', 100),
  })
  .prefault({});

const queryField = z
  .strictObject({
    timeout: duration('30 s', 'A query slower than this is ended', 10),
    rowsMax: whole(100_000, 'Most rows of one answer', 1, 10_000_000),
    resultSizeMax: size('64 MiB', 'Largest answer', 1024),
    cacheSizeMax: size('64 MiB', 'Answers of saved endpoints that are kept', 0),
    memorySizeMax: size('512 MiB', 'Memory of DuckDB, for all queries together', 64 * 1024 ** 2),
    concurrentMax: whole(4, 'Queries running at once', 1, 64),
    tenantConcurrentMax: whole(2, 'Queries of one tenant running at once', 1, 64),
    heavyConcurrentMax: optionalWhole(
      'Queries running at once that take longer than a quarter of a second; default: a core in two, and no more than half of all',
      1,
      64,
    ),
    waitingMax: whole(64, 'Queries waiting; beyond it the answer is 429', 0, 10_000),
    tenantWaitingMax: whole(16, 'Queries of one tenant waiting; beyond it the answer is 429', 0, 10_000),
  })
  .prefault({});

const feedField = z
  .strictObject({
    requestsPerSecond: whole(
      50,
      'Requests of one tenant to the changes feed, lasting; beyond it the answer is 429',
      1,
      100_000,
    ),
    requestsBurst: whole(200, 'Requests of one tenant that may come at once after a pause', 1, 1_000_000),
    concurrentMax: whole(32, 'Requests of one tenant under way at once, long polls included', 1, 10_000),
  })
  .prefault({});

const pageField = z.strictObject({
  path: z
    .string()
    .regex(/^\/[A-Za-z0-9/_-]+$/, { error: "expected a path such as '/demo'" })
    .meta({ description: 'Such as `/demo`' }),
  file: path('The HTML file'),
});

const sampleField = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'expected letters, digits, _ and -' })
    .meta({ description: 'Part of each event id: rename it and it is sent again' }),
  file: path('The file; .gz is unpacked'),
  format: z
    .enum(['combined', 'ndjson', 'csv'], { error: "expected 'combined', 'ndjson' or 'csv'" })
    .meta({ description: "`combined`: a web server's access log" }),
  stream: z.string().meta({ description: 'The stream it goes to' }),
  tenant: z.string().meta({ description: 'The tenant it is sent as' }),
});

const messagesField = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'], {
        error: "expected 'debug', 'info', 'warn', 'error' or 'silent'",
      })
      .default('info')
      .meta({ description: 'How much the process says' }),
    format: z
      .enum(['auto', 'text', 'json'], { error: "expected 'auto', 'text' or 'json'" })
      .default('auto')
      .meta({ description: '`auto`: text on a terminal, JSON otherwise' }),
  })
  .prefault({});

/** The configuration as people write it. */
export const configSchema = z.strictObject({
  data: path('Where log, lake and summaries are kept').default('./data'),
  http: httpField.meta({ description: 'HTTP' }),
  streams: z
    .record(z.string().regex(NAME, { error: `expected ${NAME_EXAMPLE}` }), streamField)
    .refine((streams) => Object.keys(streams).length > 0, { error: 'expected at least one stream' })
    .meta({ description: 'What flows, by name' }),
  transforms: transformsField.meta({ description: 'What is made of streams, event by event, by name' }),
  views: z
    .preprocess(
      (views) => (typeof views === 'string' ? [views] : views),
      z.array(viewField, { error: "expected './views/*.sql' or a list" }).default([]),
    )
    .meta({ description: 'Standing queries: files, patterns, or `{ sql }`' }),
  endpoints: z
    .preprocess(
      (endpoints) => (typeof endpoints === 'string' ? [endpoints] : endpoints),
      z
        .array(path('A file or a pattern such as `./endpoints/*.sql`'), {
          error: "expected './endpoints/*.sql' or a list",
        })
        .default([]),
    )
    .meta({ description: 'Saved queries with parameters: files or patterns, each file one endpoint of its name' }),
  alerts: alertsField.meta({ description: 'Webhooks that views name by `WITH (alert = …)`' }),
  deliveries: deliveriesField.meta({ description: 'Streams into sinks, by name' }),
  tenants: tenantsField,
  tenantsFile: path('A JSON file `{ tenants, operators }`, taken up again whenever it changes').optional(),
  operators: operatorsField,
  operatorAccessKeys: operatorAccessKeysField,
  collect: collectField.meta({ description: 'The front door' }),
  firehose: firehoseField.meta({ description: 'The Firehose API' }),
  log: logField.meta({ description: 'The log' }),
  mill: millField.meta({ description: 'The mill' }),
  lake: lakeField.meta({ description: 'The lake' }),
  query: queryField.meta({ description: 'Bounds of queries' }),
  feed: feedField.meta({ description: 'Bounds of the changes feed' }),
  pages: z.array(pageField).default([]).meta({ description: 'HTML pages served beside the API' }),
  samples: z.array(sampleField).default([]).meta({ description: 'Files sent once, after the first start' }),
  messages: messagesField.meta({ description: 'What the process says' }),
});

/** A parsed configuration, before paths and keys are resolved. */
export type ConfigValues = z.output<typeof configSchema>;
