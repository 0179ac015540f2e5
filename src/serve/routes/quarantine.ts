/** The quarantine over HTTP: list, show, count, redrive, drop. */
import { answerJson } from '../../collect/http/answer.js';
import { Budget, readBody } from '../../collect/http/body.js';
import { MillraceError } from '../../util/errors.js';
import type { Api } from '../api-input.js';
import type { QuarantineFilter } from '../quarantine.js';
import { tenantOf, timeParameter, wholeNumber, type Exchange, type Parameter, type Route } from '../route.js';

const BODY_BYTES_MAX = 64 * 1024;
const TEXTS = ['stage', 'reader', 'stream', 'code'] as const;

const FILTERS: readonly Parameter[] = [
  { name: 'stage', in: 'query', description: '`collect`, `transform` or `deliver`', schema: { type: 'string' } },
  { name: 'reader', in: 'query', description: 'A transform or delivery, by name', schema: { type: 'string' } },
  { name: 'stream', in: 'query', description: "The event's stream", schema: { type: 'string' } },
  {
    name: 'tenant',
    in: 'query',
    description: "This tenant's rows, with an operator's key",
    schema: { type: 'string' },
  },
  { name: 'code', in: 'query', description: 'Error code', schema: { type: 'string' } },
  { name: 'from', in: 'query', description: 'Quarantined at or after; ms or ISO 8601', schema: { type: 'string' } },
  { name: 'to', in: 'query', description: 'Quarantined before; ms or ISO 8601', schema: { type: 'string' } },
];

const PAGE: readonly Parameter[] = [
  {
    name: 'limit',
    in: 'query',
    description: 'Most rows',
    schema: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 },
  },
  { name: 'after', in: 'query', description: 'Offset of the last row of the page before', schema: { type: 'integer' } },
  {
    name: 'order',
    in: 'query',
    description: 'Which rows come first',
    schema: { type: 'string', enum: ['oldest', 'newest'], default: 'oldest' },
  },
];

const RESOLVING = {
  type: 'object',
  additionalProperties: false,
  properties: {
    ...Object.fromEntries(FILTERS.map(({ name, description, schema }) => [name, { ...schema, description }])),
    offset: { type: 'integer', minimum: 0, description: 'One row' },
    limit: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 1_000_000, description: 'Most rows' },
  },
};

/** The routes. */
export function quarantineRoutes({ quarantine: desk }: Api): Route[] {
  const budget = new Budget(64 * BODY_BYTES_MAX);
  return [
    {
      method: 'GET',
      path: '/v1/quarantine',
      roles: ['read'],
      summary: 'Events that failed and are neither redriven nor dropped',
      parameters: [...FILTERS, ...PAGE],
      answers: { 'application/json': { $ref: '#/components/schemas/Quarantine' } },
      errors: [400],
      async handle(exchange) {
        const limit = wholeNumber(exchange.query, 'limit', { min: 1, max: 1_000, fallback: 100 });
        const order = orderOf(exchange.query);
        const start = order === 'oldest' ? -1 : Number.MAX_SAFE_INTEGER;
        const after = wholeNumber(exchange.query, 'after', { min: -1, max: Number.MAX_SAFE_INTEGER, fallback: start });
        const rows = await desk.list(filterOf(exchange), { limit, after, order });
        answerJson(exchange.response, 200, { rows }, { 'cache-control': 'no-store' });
      },
    },
    {
      method: 'GET',
      path: '/v1/quarantine/stats',
      roles: ['read'],
      summary: 'Open rows by stage, reader, stream and code',
      parameters: FILTERS,
      answers: { 'application/json': { $ref: '#/components/schemas/QuarantineStats' } },
      async handle(exchange) {
        const groups = await desk.stats(filterOf(exchange));
        answerJson(exchange.response, 200, { groups }, { 'cache-control': 'no-store' });
      },
    },
    {
      method: 'GET',
      path: '/v1/quarantine/{offset}',
      roles: ['read'],
      summary: 'One open row with its original bytes, base 64',
      parameters: [{ name: 'offset', in: 'path', description: 'Its offset', schema: { type: 'integer' } }],
      answers: { 'application/json': { $ref: '#/components/schemas/QuarantinedRow' } },
      errors: [404],
      async handle({ response, principal, path }) {
        const offset = Number(path['offset']);
        if (!Number.isSafeInteger(offset) || offset < 0)
          throw new MillraceError('NOT_FOUND', `'${path['offset']}' is not an offset`, { place: 'path' });
        answerJson(response, 200, await desk.show(offset, tenantOf(principal, null)), { 'cache-control': 'no-store' });
      },
    },
    resolveRoute('redrive', 'Run rows through the stage that failed, after a fix', budget, (filter, limit, by) =>
      desk.redrive(filter, limit, by),
    ),
    resolveRoute('drop', 'Give rows up; they stay in the stream, marked', budget, (filter, limit, by) =>
      desk.drop(filter, limit, by),
    ),
  ];
}

function resolveRoute(
  name: 'redrive' | 'drop',
  summary: string,
  budget: Budget,
  resolve: (filter: QuarantineFilter, limit: number, by: string) => Promise<object>,
): Route {
  return {
    method: 'POST',
    path: `/v1/quarantine/${name}`,
    roles: [],
    summary,
    description: "Takes an operator's key. The answer says how many rows were resolved, and which stay and why.",
    body: RESOLVING,
    answers: { 'application/json': { $ref: '#/components/schemas/Resolution' } },
    errors: [400],
    async handle({ request, response, principal }) {
      const body = await readBody(request, BODY_BYTES_MAX, budget);
      try {
        const { limit, ...filter } = parseFilter(body.bytes);
        answerJson(response, 200, await resolve(filter, limit, principal.keyName));
      } finally {
        body.release();
      }
    },
  };
}

function orderOf(query: URLSearchParams): 'oldest' | 'newest' {
  const order = query.get('order') ?? 'oldest';
  if (order === 'oldest' || order === 'newest') return order;
  throw wrong(`order: expected 'oldest' or 'newest', found '${order.slice(0, 40)}'`, 'query order');
}

function filterOf({ query, principal }: Exchange): QuarantineFilter {
  const tenant = tenantOf(principal, query.get('tenant'));
  const fromMs = timeParameter(query, 'from');
  const toMs = timeParameter(query, 'to');
  const texts = TEXTS.flatMap((name) => (query.get(name) ? [[name, query.get(name)!]] : []));
  return {
    ...(Object.fromEntries(texts) as QuarantineFilter),
    ...(tenant === null ? {} : { tenant }),
    ...(fromMs === null ? {} : { fromMs }),
    ...(toMs === null ? {} : { toMs }),
  };
}

function parseFilter(bytes: Uint8Array): QuarantineFilter & { readonly limit: number } {
  let value: unknown;
  try {
    value = bytes.length === 0 ? {} : JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw wrong(`the body is not JSON: ${(cause as Error).message}`, 'body', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('expected an object', 'body');
  const query = new URLSearchParams();
  for (const [name, given] of Object.entries(value)) {
    if (!(name in RESOLVING.properties))
      throw wrong(`'${name}' is not known; there are ${Object.keys(RESOLVING.properties).join(', ')}`, name);
    if (typeof given !== 'string' && typeof given !== 'number')
      throw wrong(`'${name}': expected a text or number`, name);
    query.set(name, String(given));
  }
  const limit = wholeNumber(query, 'limit', { min: 1, max: 1_000_000, fallback: 1_000_000 });
  const offset = wholeNumber(query, 'offset', { min: 0, max: Number.MAX_SAFE_INTEGER, fallback: -1 });
  const operator = { tenant: '*', role: 'operator' as const, keyName: '' };
  const filter = filterOf({ query, principal: operator } as Exchange);
  return { ...filter, ...(offset < 0 ? {} : { offset }), limit };
}

function wrong(message: string, place: string, cause?: unknown): MillraceError {
  return new MillraceError('BODY_MALFORMED', message, { place, cause });
}
