/** How the steps of a transform are written: an object whose one key is the verb. */
import { z } from 'zod';
import { COLUMN_TYPES } from '../event/schema-define.js';
import type { ColumnType } from '../event/schema.js';
import {
  duration,
  NAME,
  NAME_EXAMPLE,
  optionalDuration,
  optionalSize,
  optionalWhole,
  path,
  secret,
  text,
  whole,
} from './fields.js';
import { schemaField } from './schema-field.js';

const column = (description: string) => z.string({ error: 'expected the name of a column' }).meta({ description });
const newColumn = z.string().regex(NAME, { error: `expected ${NAME_EXAMPLE}` });
const columnType = z.enum(COLUMN_TYPES as [ColumnType, ...ColumnType[]], {
  error: `expected a column type: ${COLUMN_TYPES.join(', ')}`,
});

const maskField = z.record(
  z.string(),
  z.union([z.literal('ip'), z.strictObject({ keepLast: z.int().min(0).max(1_000) })], {
    error: "expected { keepLast: 4 } or 'ip'",
  }),
);

const hashField = z.strictObject({
  columns: z.array(column('Such as `user_id`')).min(1, { error: 'expected at least one column' }),
  secret: secret('At least 16 characters; the same secret gives the same hashes', (found) =>
    found.length < 16 ? 'expected a secret of at least 16 characters' : null,
  ),
});

const setField = z.record(
  newColumn,
  z.union([z.string(), z.strictObject({ sql: text('The expression'), type: columnType })], {
    error: 'expected a SQL expression, or { sql, type }',
  }),
);

const splitField = z.strictObject({
  column: column('A list, or json that holds an array: one event an item').optional(),
  cases: z
    .record(z.string().min(1), text('A condition'))
    .optional()
    .meta({ description: 'Conditions by name: one event a condition that is true' }),
  as: newColumn.meta({ description: 'The new column that holds the item, or the name of the case' }),
});

const sampleField = z.strictObject({
  rate: z
    .number({ error: 'expected a number from 0 to 1' })
    .min(0, { error: 'expected a number from 0 to 1' })
    .max(1, { error: 'expected a number from 0 to 1' })
    .meta({ description: 'The part that passes, such as 0.01' }),
  by: column('Events of one value pass or go together; default: the event id').optional(),
});

const flattenField = z.strictObject({
  column: column('A json column'),
  fields: z
    .record(
      newColumn,
      z.union([columnType, z.strictObject({ path: text('Such as `utm.source`'), type: columnType })], {
        error: `expected a column type, or { path, type }`,
      }),
    )
    .meta({ description: 'New columns: `browser: "dictionary"`, or `source: { path: "utm.source", type: "string" }`' }),
});

const lookupField = z.strictObject({
  file: path('`.csv` with a header, `.json` (a list of objects, or objects by key), or `.ndjson`'),
  key: column("The event's column"),
  fileKey: text("The file's column; default: the name of `key`").optional(),
  columns: z
    .record(
      newColumn,
      z.union([columnType, z.strictObject({ field: text("The file's column"), type: columnType })], {
        error: 'expected a column type, or { field, type }',
      }),
    )
    .meta({ description: 'New columns: `campaign_name: "dictionary"`' }),
  rowsMax: whole(1_000_000, 'Most rows of the file', 1, 10_000_000),
  missing: z
    .enum(['null', 'drop', 'quarantine'], { error: "expected 'null', 'drop' or 'quarantine'" })
    .default('null')
    .meta({ description: 'What becomes of an event whose key is not in the file' }),
});

const dedupeField = z.strictObject({
  by: z
    .union([z.string(), z.array(z.string()).min(1)], { error: 'expected a column or a list of columns' })
    .meta({ description: 'The key; events of different tenants never share one' }),
  window: duration('1 h', 'How long after its first event a key is remembered', 1_000, 7 * 86_400_000),
  keysMax: whole(1_000_000, 'Keys remembered; beyond it the oldest leave', 1_000, 20_000_000),
});

const enrichField = z.strictObject({
  userAgent: column('The column that holds it'),
  prefix: z
    .string()
    .regex(/^[a-z_][a-z0-9_]{0,30}$/, { error: "expected the start of a column name, such as 'agent_'" })
    .default('agent_')
    .meta({ description: 'Of the new columns `browser`, `os`, `device` and `bot`' }),
});

const stepFields = {
  filter: text("A condition such as `event_type = 'click'`; the others end here").optional(),
  rename: z.record(z.string(), newColumn).optional().meta({ description: 'New names by old ones' }),
  mask: maskField.optional().meta({
    description: "By column: `{ keepLast: 4 }` makes stars of all but the last characters, `'ip'` keeps the network",
  }),
  hash: hashField.optional().meta({ description: 'HMAC-SHA-256 in place of the value' }),
  set: setField.optional().meta({ description: 'SQL expressions by column, new or there already' }),
  split: splitField.optional().meta({ description: 'Several events of one' }),
  sample: sampleField.optional().meta({ description: 'A part of the events, the same at every run' }),
  flatten: flattenField.optional().meta({ description: 'Fields of a json column as columns' }),
  lookup: lookupField
    .optional()
    .meta({ description: 'Columns of a file by a key; the file is read again when it changes' }),
  dedupe: dedupeField.optional().meta({ description: 'The first event of each key; exact across restarts' }),
  enrich: enrichField
    .optional()
    .meta({ description: 'Browser, system, device and whether it is a bot, from a user agent' }),
  function: path('A module whose default export is `(event, ctx) => event | event[] | null`').optional(),
  batchFunction: path('A module whose default export is `(batch, ctx) => batch`').optional(),
  lambda: text(
    'The Lambda contract of Amazon Data Firehose: an address, or the path of a module with `export const handler`',
  ).optional(),
  schema: schemaField.optional().meta({
    description: 'Of `function`, `batchFunction` and `lambda`: the columns that come out; default: those that go in',
    kind: 'schema',
  }),
  timeout: optionalDuration(
    'Of `function`, for one event (default 1 s); of `batchFunction`, for one batch (10 s); of `lambda`, for one invocation (5 min)',
    50,
    900_000,
  ),
  memory: optionalSize(
    'Of `function`, `batchFunction` and `lambda`: memory of its JavaScript (256 MiB)',
    16 * 1024 ** 2,
    64 * 1024 ** 3,
  ),
  concurrency: optionalWhole(
    'Of `function`: events under way at once where it is asynchronous (16); of `lambda`: invocations at once (4)',
    1,
    1_000,
  ),
  retries: optionalWhole('Of `lambda`: how often a failed invocation is tried again (3)', 0, 10),
  bufferRecords: optionalWhole('Of `lambda`: most records of one invocation (500)', 1, 10_000),
  bufferSize: optionalSize('Of `lambda`: bytes of records at which it is invoked (1 MiB)', 1_024, 3 * 1024 ** 2),
  bufferInterval: optionalDuration('Of `lambda`: longest time until it is invoked (1 s)', 1, 900_000),
  arn: text('Of `lambda`: what its invocations say in `deliveryStreamArn`').optional(),
  region: text('Of `lambda`: what its invocations say in `region`').optional(),
} as const;

/** Which of the other keys each verb takes. */
export const VERB_SETTINGS: Readonly<Record<string, readonly string[]>> = {
  filter: [],
  rename: [],
  mask: [],
  hash: [],
  set: [],
  split: [],
  sample: [],
  flatten: [],
  lookup: [],
  dedupe: [],
  enrich: [],
  function: ['schema', 'timeout', 'memory', 'concurrency'],
  batchFunction: ['schema', 'timeout', 'memory'],
  lambda: [
    'schema',
    'timeout',
    'memory',
    'concurrency',
    'retries',
    'bufferRecords',
    'bufferSize',
    'bufferInterval',
    'arn',
    'region',
  ],
};

/** One step as it is written: exactly one key is a verb. */
export const stepField = z.strictObject(stepFields).superRefine((step, context) => {
  const keys = Object.entries(step).flatMap(([key, value]) => (value === undefined ? [] : [key]));
  const verbs = keys.filter((key) => key in VERB_SETTINGS);
  if (verbs.length !== 1)
    return context.addIssue({
      code: 'custom',
      message: `expected exactly one of ${Object.keys(VERB_SETTINGS).join(', ')}`,
      input: step,
    });
  const [verb] = verbs as [string];
  const allowed = VERB_SETTINGS[verb]!;
  for (const key of keys)
    if (key !== verb && !allowed.includes(key))
      context.addIssue({
        code: 'custom',
        message: `is no setting of ${verb}${allowed.length === 0 ? '' : `; expected ${allowed.join(', ')}`}`,
        input: step,
        path: [key],
      });
});
