/** `POST /v1/query`: read-only SQL. */
import { Budget, readBody } from '../../collect/http/body.js';
import { MillraceError } from '../../util/errors.js';
import type { Api } from '../api-input.js';
import { chooseFormat } from '../negotiate.js';
import { CONTENT_TYPES, RESULT_FORMATS, type ResultFormat } from '../query/result-formats.js';
import { tenantOf, type Route } from '../route.js';

const BODY_BYTES_MAX = 1024 * 1024;

interface QueryBody {
  readonly sql: string;
  readonly tenant: string | null;
  readonly format: ResultFormat;
  readonly rowsMax?: number;
  readonly timeoutMs?: number;
}

/** The route. */
export function queryRoute(api: Api): Route {
  const budget = new Budget(64 * BODY_BYTES_MAX);
  return {
    method: 'POST',
    path: '/v1/query',
    roles: ['read'],
    summary: 'Run one SELECT over views, streams and the lake',
    description:
      "PostgreSQL's grammar. A tenant's key sees its own rows only, whatever the statement says; views over all tenants take an operator's key. `bigint` is a number while it is safe, else a string; `numeric` is a string with all its digits; times are ISO 8601 in UTC. An answer of more than the limit of rows is cut and says so in `stats.truncated` and in the header `x-millrace-truncated`.",
    body: {
      type: 'object',
      required: ['sql'],
      additionalProperties: false,
      properties: {
        sql: {
          type: 'string',
          maxLength: 65_536,
          examples: ['SELECT * FROM traffic ORDER BY window_start DESC LIMIT 10'],
        },
        tenant: { type: 'string', description: "As this tenant; takes an operator's key" },
        format: { enum: RESULT_FORMATS, default: 'json', description: 'Instead of the header Accept' },
        rowsMax: { type: 'integer', minimum: 1, description: "Fewer rows than the server's limit" },
        timeoutMs: { type: 'integer', minimum: 1, description: "Less time than the server's limit" },
      },
    },
    answers: {
      ...Object.fromEntries(RESULT_FORMATS.map((format) => [CONTENT_TYPES[format].split(';')[0]!, null])),
      'application/json': { $ref: '#/components/schemas/QueryAnswer' },
    },
    errors: [400, 408, 429],
    async handle({ request, response, principal }) {
      const body = await readBody(request, BODY_BYTES_MAX, budget);
      try {
        const { sql, tenant, format, ...limits } = parseBody(
          body.bytes,
          request.headers['content-type'] ?? '',
          chooseFormat([], request.headers.accept),
        );
        const rpc = await api.store();
        const answer = await rpc.call('query', { sql, format, tenant: tenantOf(principal, tenant), ...limits });
        response.writeHead(200, {
          'content-type': answer.contentType,
          'content-length': answer.body.length,
          'cache-control': 'no-store',
          'x-millrace-rows': String(answer.rows),
          'x-millrace-elapsed-ms': String(answer.elapsedMs),
          ...(answer.truncated ? { 'x-millrace-truncated': 'true' } : {}),
        });
        response.end(answer.body);
      } finally {
        body.release();
      }
    },
  };
}

/**
 * JSON, or the bare statement when the content type says text or SQL. What begins with a brace is
 * JSON whatever it is called: browsers and curl name a string's type wrongly, and no SELECT does.
 */
function parseBody(bytes: Uint8Array, contentType: string, accepted: ResultFormat): QueryBody {
  const text = new TextDecoder().decode(bytes);
  if (!/^\s*\{/.test(text) && /^(text\/plain|application\/sql)\b/i.test(contentType))
    return { sql: text, tenant: null, format: accepted };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw wrong(`the body is not JSON: ${(cause as Error).message}; expected {"sql": "SELECT …"}`, 'body', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong('expected an object such as {"sql": "SELECT …"}', 'body');
  const {
    sql,
    tenant = null,
    format: named = accepted,
    rowsMax,
    timeoutMs,
    ...rest
  } = value as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw wrong(`'${unknown}' is not known; there are sql, tenant, format, rowsMax, timeoutMs`, unknown);
  if (typeof sql !== 'string') throw wrong("'sql': expected a string", 'sql');
  if (tenant !== null && typeof tenant !== 'string') throw wrong("'tenant': expected a string", 'tenant');
  const format = RESULT_FORMATS.find((one) => one === named);
  if (format === undefined) throw wrong(`'format': expected one of ${RESULT_FORMATS.join(', ')}`, 'format');
  return { sql, tenant, format, ...limit('rowsMax', rowsMax), ...limit('timeoutMs', timeoutMs) };
}

function limit(name: 'rowsMax' | 'timeoutMs', value: unknown): Partial<QueryBody> {
  if (value === undefined) return {};
  if (!Number.isSafeInteger(value) || (value as number) < 1)
    throw wrong(`'${name}': expected a whole number of at least 1`, name);
  return { [name]: value as number };
}

function wrong(message: string, place: string, cause?: unknown): MillraceError {
  return new MillraceError('BODY_MALFORMED', message, { place, cause });
}
