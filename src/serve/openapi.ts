/**
 * `/v1/openapi.json`: the table of routes as OpenAPI 3.1.
 */
import { ERRORS } from '../util/errors.js';
import { SCHEMAS } from './openapi-schemas.js';
import type { JsonSchema, Route } from './route.js';

/** The document. `extra` are routes of other parts, in the same form. */
export function openApi(
  routes: readonly Pick<
    Route,
    'method' | 'path' | 'roles' | 'summary' | 'description' | 'parameters' | 'body' | 'answers' | 'errors'
  >[],
  version: string,
): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Millrace',
      version,
      description: 'Events in, numbers out. Keys go in `Authorization: Bearer <key>`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: {
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description: "A tenant's key sees that tenant; an operator's key sees all.",
        },
      },
      schemas: { ...SCHEMAS, Error: errorSchema() },
    },
  };
}

function operation(
  route: Pick<
    Route,
    'method' | 'path' | 'roles' | 'summary' | 'description' | 'parameters' | 'body' | 'answers' | 'errors'
  >,
): object {
  const statuses = [...new Set([...(route.roles === null ? [] : [401, 403]), ...(route.errors ?? [])])].sort(
    (a, b) => a - b,
  );
  return {
    operationId: operationId(route),
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    ...(route.roles === null ? { security: [] } : { security: [{ key: [] }] }),
    ...(route.parameters === undefined
      ? {}
      : {
          parameters: route.parameters.map((parameter) => ({
            ...parameter,
            required: parameter.in === 'path' || parameter.required === true,
          })),
        }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: route.body } } } }),
    responses: {
      200: {
        description: 'Success',
        content: Object.fromEntries(
          Object.entries(route.answers).map(([type, schema]) => [type, { schema: schema ?? { type: 'string' } }]),
        ),
      },
      ...Object.fromEntries(
        statuses.map((status) => [
          status,
          {
            description: codesOf(status),
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
          },
        ]),
      ),
    },
  };
}

function operationId({ method, path }: Pick<Route, 'method' | 'path'>): string {
  const words = path
    .replace(/^\/(v1\/)?/, '')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');
  return [method.toLowerCase(), ...words.map((word) => word[0]!.toUpperCase() + word.slice(1))].join('');
}

/** The codes that come with a status, for people. */
function codesOf(status: number): string {
  return (
    Object.entries(ERRORS)
      .filter(([, kind]) => kind.status === status)
      .map(([code]) => code)
      .join(', ') || 'Error'
  );
}

function errorSchema(): JsonSchema {
  return {
    type: 'object',
    required: ['error'],
    properties: {
      error: {
        type: 'object',
        required: ['code', 'message', 'place'],
        properties: {
          code: { enum: Object.keys(ERRORS) },
          message: { type: 'string' },
          place: { type: ['string', 'null'], description: 'Where: a header, a JSON path, a place in the SQL' },
        },
      },
    },
  };
}
