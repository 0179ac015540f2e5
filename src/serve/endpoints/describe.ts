/** An endpoint as OpenAPI describes it: its parameters, and the schema of its rows. */
import type { TypeName } from '../query/types.js';
import type { JsonSchema, Parameter } from '../route.js';
import type { ParameterDeclaration } from './declarations.js';
import type { Endpoint } from './plan.js';

const INTEGER = { type: ['integer', 'string'], description: 'A string beyond 2^53' };
const TEXT = { type: 'string' };

/** JSON's schema of a value of each type in a row. */
const VALUES: Readonly<Record<TypeName, JsonSchema>> = {
  unknown: TEXT,
  boolean: { type: 'boolean' },
  integer: { type: 'integer' },
  bigint: INTEGER,
  numeric: { type: 'string', description: 'A decimal number with all its digits' },
  'double precision': { type: ['number', 'string'], description: '"NaN", "Infinity" and "-Infinity" are strings' },
  text: TEXT,
  timestamptz: { type: 'string', format: 'date-time' },
  timestamp: { type: 'string', description: 'ISO 8601 without a zone' },
  date: { type: 'string', format: 'date' },
  time: TEXT,
  interval: TEXT,
  uuid: { type: 'string', format: 'uuid' },
  json: {},
  bytea: { type: 'string', contentEncoding: 'base64' },
  'text[]': { type: 'array', items: TEXT },
  'bigint[]': { type: 'array', items: INTEGER },
  'double precision[]': { type: 'array', items: { type: ['number', 'string'] } },
};

function orNull(schema: JsonSchema): JsonSchema {
  return Object.keys(schema).length === 0 ? schema : { anyOf: [schema, { type: 'null' }] };
}

/** Schemas of parameters, as texts of a query string. */
const PARAMETERS: Readonly<Partial<Record<TypeName, JsonSchema>>> = {
  boolean: { type: 'boolean' },
  integer: { type: 'integer', format: 'int32' },
  bigint: { type: 'integer', format: 'int64' },
  numeric: { type: 'number' },
  'double precision': { type: 'number', format: 'double' },
  timestamptz: { type: 'string', format: 'date-time' },
  date: { type: 'string', format: 'date' },
  uuid: { type: 'string', format: 'uuid' },
  'text[]': { type: 'array', items: TEXT },
};

/** The parameters of the query string. */
export function endpointParameters({ parameters }: Endpoint): Parameter[] {
  return parameters.map((one) => ({
    name: one.name,
    in: 'query',
    description: one.description === '' ? one.type : `${one.description} (${one.type})`,
    schema: { ...(PARAMETERS[one.type] ?? TEXT), ...defaultOf(one) },
    required: one.byDefault === undefined,
  }));
}

/** The default, in the type of the schema where JSON has it exactly. */
function defaultOf({ type, byDefault }: ParameterDeclaration): JsonSchema {
  if (byDefault === undefined || byDefault === null) return {};
  if (type === 'text[]') return { default: byDefault };
  const text = byDefault[0]!;
  const isNumber = type === 'integer' || type === 'bigint' || type === 'numeric' || type === 'double precision';
  if (type === 'boolean') return { default: /^(t|true|y|yes|on|1)$/i.test(text) };
  return { default: isNumber && Number.isFinite(Number(text)) ? Number(text) : text };
}

/** One row by the names of its columns, as NDJSON has it. */
export function endpointColumns({ columns }: Endpoint): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(columns.map(({ name, type }) => [name, orNull(VALUES[type])])),
    required: [...new Set(columns.map(({ name }) => name))],
  };
}

/** The answer in JSON. */
export function endpointRows({ columns }: Endpoint): JsonSchema {
  return {
    type: 'object',
    required: ['columns', 'rows', 'stats'],
    properties: {
      columns: {
        const: columns.map(({ name, type }) => ({ name, type })),
      },
      rows: {
        type: 'array',
        items: {
          type: 'array',
          prefixItems: columns.map(({ name, type }) => ({ title: name, ...orNull(VALUES[type]) })),
          items: false,
          minItems: columns.length,
          maxItems: columns.length,
        },
      },
      stats: {
        type: 'object',
        required: ['rows', 'truncated'],
        properties: { rows: { type: 'integer', minimum: 0 }, truncated: { type: 'boolean' } },
      },
    },
  };
}

/** The list of endpoints. */
export const ENDPOINTS_SCHEMA: JsonSchema = {
  type: 'object',
  required: ['endpoints'],
  properties: {
    endpoints: {
      type: 'array',
      items: {
        type: 'object',
        required: ['name', 'path', 'description', 'parameters', 'columns', 'cacheMs'],
        properties: {
          name: TEXT,
          path: TEXT,
          description: TEXT,
          parameters: {
            type: 'array',
            items: {
              type: 'object',
              required: ['name', 'type', 'required', 'description'],
              properties: {
                name: TEXT,
                type: TEXT,
                required: { type: 'boolean' },
                default: { description: 'A text, texts, or null' },
                description: TEXT,
              },
            },
          },
          columns: {
            type: 'array',
            items: { type: 'object', required: ['name', 'type'], properties: { name: TEXT, type: TEXT } },
          },
          cacheMs: { type: 'integer', minimum: 0, description: 'How old an answer may be' },
        },
      },
    },
  },
};
