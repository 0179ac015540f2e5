/** A view and its definitions: how they stand, what differs, and the swap for a new one. */
import { answerJson } from '../../collect/http/answer.js';
import { Budget, readBody } from '../../collect/http/body.js';
import { MillraceError } from '../../util/errors.js';
import type { Api } from '../api-input.js';
import { flag, tenantOf, wholeNumber, type Exchange, type Parameter, type Route } from '../route.js';
import { viewOf } from './views.js';

const VIEW: Parameter = { name: 'view', in: 'path', description: 'Name of the view', schema: { type: 'string' } };
const SQL_BYTES_MAX = 256 * 1024;
const NO_STORE = { 'cache-control': 'no-store' };

const budget = new Budget(16 * SQL_BYTES_MAX);

/** The routes. */
export function changedViewRoutes(api: Api): Route[] {
  return [explainRoute(api), explainChangeRoute(api), diffRoute(api), swapRoute(api)];
}

/** Takes an operator's key: plan, state and clocks are of all tenants' rows. */
function explainRoute(api: Api): Route {
  return {
    method: 'GET',
    path: '/v1/views/{view}/explain',
    roles: [],
    summary: 'How a view stands: plan, inputs, state, clocks, lag, and why its oldest window is open',
    parameters: [VIEW],
    answers: { 'application/json': { $ref: '#/components/schemas/ViewExplanation' } },
    errors: [404, 503],
    async handle({ path, response }) {
      answerJson(response, 200, await api.explainView(path['view']!, null), NO_STORE);
    },
  };
}

function explainChangeRoute(api: Api): Route {
  return {
    method: 'POST',
    path: '/v1/views/{view}/explain',
    roles: [],
    summary: 'The same, and what another statement of the view would be: unchanged, the same state, or a replay',
    parameters: [VIEW],
    body: {
      type: 'object',
      required: ['sql'],
      additionalProperties: false,
      properties: { sql: { type: 'string', description: 'Statements, that of the view among them' } },
    },
    answers: { 'application/json': { $ref: '#/components/schemas/ViewExplanation' } },
    errors: [400, 404, 503],
    async handle(exchange) {
      const sql = await sqlOf(exchange);
      answerJson(exchange.response, 200, await api.explainView(exchange.path['view']!, sql), NO_STORE);
    },
  };
}

async function sqlOf({ request }: Exchange): Promise<string> {
  const body = await readBody(request, SQL_BYTES_MAX, budget);
  try {
    const { sql } = JSON.parse(new TextDecoder().decode(body.bytes)) as { sql?: unknown };
    if (typeof sql === 'string') return sql;
  } catch (cause) {
    throw new MillraceError('BODY_MALFORMED', `the body is not JSON: ${(cause as Error).message}`, {
      place: 'body',
      cause,
    });
  } finally {
    body.release();
  }
  throw new MillraceError('BODY_MALFORMED', "expected a JSON object with 'sql', a text", { place: 'body' });
}

function diffRoute(api: Api): Route {
  return {
    method: 'GET',
    path: '/v1/views/{view}/diff',
    roles: ['read'],
    summary: "A changed view's new definition against the one before, over the windows that both have closed",
    description: 'For as long as the definition before is kept. `VIEW_UNCHANGED` where there is only one.',
    parameters: [
      VIEW,
      {
        name: 'tenant',
        in: 'query',
        description: "This tenant's rows; an operator's key may leave it out for all",
        schema: { type: 'string' },
      },
      {
        name: 'limit',
        in: 'query',
        description: 'Examples of each kind',
        schema: { type: 'integer', minimum: 0, maximum: 100, default: 5 },
      },
    ],
    answers: { 'application/json': { $ref: '#/components/schemas/ViewDiff' } },
    errors: [400, 404, 409, 429, 503],
    async handle(exchange) {
      const { principal, query, response } = exchange;
      const { global, name } = viewOf(api, exchange);
      const tenant = global ? null : tenantOf(principal, query.get('tenant'));
      const limit = wholeNumber(query, 'limit', { min: 0, max: 100, fallback: 5 });
      const diff = await (await api.store()).call('diff', name, tenant, limit);
      if (diff === null)
        throw new MillraceError('VIEW_UNCHANGED', `view '${name}' has one definition; there is nothing to compare`, {
          place: name,
        });
      answerJson(response, 200, diff, NO_STORE);
    },
  };
}

/** Takes an operator's key, since all tenants' rows are answered anew. */
function swapRoute(api: Api): Route {
  return {
    method: 'POST',
    path: '/v1/views/{view}/swap',
    roles: [],
    summary: "Let a changed view's new definition answer",
    description:
      'Waits up to 10 s for it to come as far as the one that answers, else `VIEW_BEHIND`; with `force` it answers at once.',
    parameters: [
      VIEW,
      {
        name: 'force',
        in: 'query',
        description: 'However far it is',
        schema: { type: 'boolean', default: false },
      },
    ],
    answers: { 'application/json': { type: 'object', properties: { epoch: { type: 'string' } } } },
    errors: [404, 409],
    async handle(exchange) {
      const { name } = viewOf(api, exchange);
      await api.swapView(name, flag(exchange.query, 'force'));
      answerJson(exchange.response, 200, { epoch: viewOf(api, exchange).epoch });
    },
  };
}
