/** `GET /v1/endpoints` and `GET /v1/endpoints/<name>`: saved queries with parameters. */
import { answerJson } from '../../collect/http/answer.js';
import { headerOf } from '../../collect/http/request.js';
import { EVERY_TENANT } from '../../config/tenants.js';
import { MillraceError } from '../../util/errors.js';
import type { Api } from '../api-input.js';
import { ENDPOINTS_SCHEMA, endpointColumns, endpointParameters, endpointRows } from '../endpoints/describe.js';
import type { Endpoint } from '../endpoints/plan.js';
import { chooseFormat } from '../negotiate.js';
import { CONTENT_TYPES, RESULT_FORMATS } from '../query/result-formats.js';
import { tenantOf, type Exchange, type Route } from '../route.js';

/** Longest `If-None-Match` that is read: some thirty tags. */
const KNOWN_CHARACTERS_MAX = 2_048;

/** The routes, one for each endpoint. */
export function endpointRoutes(api: Api): Route[] {
  return [listRoute(api), ...api.endpoints.map((endpoint) => endpointRoute(api, endpoint))];
}

function listRoute({ endpoints }: Api): Route {
  return {
    method: 'GET',
    path: '/v1/endpoints',
    roles: ['read'],
    summary: 'Saved endpoints that this key may ask',
    answers: { 'application/json': ENDPOINTS_SCHEMA },
    handle({ principal, response }) {
      const mine = endpoints.filter(({ operatorsOnly }) => !operatorsOnly || principal.tenant === EVERY_TENANT);
      answerJson(response, 200, { endpoints: mine.map(shown) });
    },
  };
}

function shown({ name, description, parameters, columns, cacheMs }: Endpoint): object {
  return {
    name,
    path: `/v1/endpoints/${name}`,
    description,
    parameters: parameters.map((one) => ({
      name: one.name,
      type: one.type,
      required: one.byDefault === undefined,
      ...(one.byDefault === undefined
        ? {}
        : { default: one.type === 'text[]' ? one.byDefault : (one.byDefault?.[0] ?? null) }),
      description: one.description,
    })),
    columns,
    cacheMs,
  };
}

function endpointRoute(api: Api, endpoint: Endpoint): Route {
  return {
    method: 'GET',
    path: `/v1/endpoints/${endpoint.name}`,
    roles: ['read'],
    summary: endpoint.description === '' ? `The saved query '${endpoint.name}'` : endpoint.description,
    description:
      'Parameters are values, never text of the statement. The format is what `format` or else `Accept` asks for. The answer has an `ETag`; with `If-None-Match`, what has not changed is a 304.',
    parameters: [
      ...endpointParameters(endpoint),
      {
        name: 'format',
        in: 'query',
        description: 'Instead of `Accept`',
        schema: { enum: RESULT_FORMATS, default: 'json' },
      },
      {
        name: 'tenant',
        in: 'query',
        description: "As this tenant; takes an operator's key",
        schema: { type: 'string' },
      },
    ],
    answers: Object.fromEntries(
      RESULT_FORMATS.map((format) => [
        CONTENT_TYPES[format].split(';')[0]!,
        format === 'json' ? endpointRows(endpoint) : format === 'ndjson' ? endpointColumns(endpoint) : null,
      ]),
    ),
    errors: [400, 408, 429],
    handle: (exchange) => answerEndpoint(api, endpoint, exchange),
  };
}

async function answerEndpoint(
  api: Api,
  { name }: Endpoint,
  { request, response, query, principal }: Exchange,
): Promise<void> {
  const parameters: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (const [parameter, value] of query) (parameters[parameter] ??= []).push(value);
  const { tenant = [], format = [], ...given } = parameters;
  if (tenant.length > 1)
    throw new MillraceError('PARAMETER_INVALID', 'tenant: expected one tenant', { place: 'query tenant' });
  const rpc = await api.store();
  const answer = await rpc.call('endpoint', {
    name,
    tenant: tenantOf(principal, tenant[0] ?? null),
    format: chooseFormat(format, headerOf(request, 'accept')),
    parameters: given,
    known: knownTags(headerOf(request, 'if-none-match', KNOWN_CHARACTERS_MAX)),
  });
  const headers = {
    etag: answer.etag,
    // A browser or proxy of one key asks again each time, and mostly gets a 304.
    'cache-control': 'private, no-cache',
    vary: 'accept, authorization',
    age: String(Math.floor(answer.ageMs / 1_000)),
    'x-millrace-cache': answer.hit ? 'hit' : 'miss',
  };
  if (answer.body === null) {
    response.writeHead(304, headers);
    response.end();
    return;
  }
  response.writeHead(200, {
    ...headers,
    'content-type': answer.contentType,
    'content-length': answer.body.length,
    'x-millrace-rows': String(answer.rows),
    ...(answer.truncated ? { 'x-millrace-truncated': 'true' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : answer.body);
}

/** The tags of `If-None-Match`; a weak one stands for its strong one there. */
function knownTags(header: string | undefined): string[] {
  return (header ?? '').match(/"[^"]*"/g) ?? [];
}
