/** The configuration's JSON schema, for editors; `millrace check --schema` prints it. */
import { z } from 'zod';
import { COLUMN_TYPES } from '../event/schema-define.js';
import { configSchema } from './config-schema.js';

/** One object of a JSON schema. */
export type JsonSchema = {
  [key: string]: JsonSchema | JsonSchema[] | string[] | string | number | boolean | null | undefined;
};

const column = {
  anyOf: [
    { type: 'string', enum: COLUMN_TYPES.flatMap((type) => [type, `${type}?`]) },
    {
      type: 'object',
      properties: { type: { type: 'string', enum: [...COLUMN_TYPES] }, nullable: { type: 'boolean' } },
      required: ['type'],
      additionalProperties: false,
    },
  ],
} satisfies JsonSchema;

/** What zod can't say of the values it only transforms. */
const KINDS: Readonly<Record<string, JsonSchema>> = {
  duration: { type: 'string', pattern: '^\\s*\\d+(\\.\\d+)?\\s*(ms|s|seconds?|min|minutes?|h|hours?|d|days?)\\s*$' },
  size: { type: 'string', pattern: '^\\s*\\d+(\\.\\d+)?\\s*([kMGT]?B|[KMGT]iB)\\s*$' },
  secret: {
    anyOf: [
      { type: 'string', minLength: 1 },
      { type: 'object', properties: { env: { type: 'string' } }, required: ['env'], additionalProperties: false },
    ],
  },
  schema: {
    anyOf: [
      { enum: ['ad-events', 'records'] },
      {
        type: 'object',
        properties: { adEvents: { type: 'object', additionalProperties: column } },
        required: ['adEvents'],
        additionalProperties: false,
      },
      {
        type: 'object',
        properties: {
          columns: { type: 'object', additionalProperties: column },
          tenant: { type: 'string' },
          eventId: { type: 'string' },
          eventTime: { type: 'string' },
        },
        required: ['columns'],
        additionalProperties: false,
      },
    ],
  },
};

/** The JSON schema of a configuration, as `.json` and `.yaml` files hold it. */
export function configJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      const kind = (jsonSchema as { kind?: string }).kind;
      if (kind !== undefined && KINDS[kind] !== undefined) Object.assign(jsonSchema, KINDS[kind]);
    },
  }) as unknown as JsonSchema;
  const properties = schema.properties as JsonSchema;
  for (const name of ['views', 'endpoints']) {
    const list = properties[name] as JsonSchema;
    properties[name] = {
      description: list['description'],
      default: list['default'],
      anyOf: [{ type: 'string' }, { type: 'array', items: list['items'] }],
    };
  }
  return schema;
}
