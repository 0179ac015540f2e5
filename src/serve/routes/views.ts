/** Views: what there is, and rows for a chart. */
import { answerJson } from '../../collect/http/answer.js';
import type { ViewDescription } from '../../event/view.js';
import { MillraceError } from '../../util/errors.js';
import type { Api } from '../api-input.js';
import { tenantOf, timeParameter, wholeNumber, type Exchange, type Parameter, type Route } from '../route.js';

const VIEW: Parameter = { name: 'view', in: 'path', description: 'Name of the view', schema: { type: 'string' } };
const TENANT: Parameter = {
  name: 'tenant',
  in: 'query',
  description: "This tenant's rows; an operator's key may leave it out for all",
  schema: { type: 'string' },
};

/** The routes. */
export function viewRoutes(api: Api): Route[] {
  return [listRoute(api), rowsRoute(api)];
}

function listRoute(api: Api): Route {
  return {
    method: 'GET',
    path: '/v1/views',
    roles: ['read'],
    summary: 'List the views that this key may read',
    answers: {
      'application/json': {
        type: 'object',
        required: ['views'],
        properties: { views: { type: 'array', items: { $ref: '#/components/schemas/View' } } },
      },
    },
    handle({ response, principal }) {
      const views = api.views.filter((view) => !view.global || principal.role === 'operator');
      answerJson(response, 200, { views: views.map(describe) });
    },
  };
}

function describe(view: ViewDescription): object {
  const names = (positions: readonly number[]) =>
    view.columns.filter(({ column }) => positions.includes(column)).map(({ name }) => name);
  return {
    name: view.name,
    source: view.source,
    windowMs: view.windowMs,
    global: view.global,
    columns: view.columns.map(({ name, type, additive = false }) => ({ name, type, additive })),
    keyColumns: names(view.keyColumns),
    valueColumns: names(view.valueColumns),
  };
}

function rowsRoute(api: Api): Route {
  return {
    method: 'GET',
    path: '/v1/views/{view}/rows',
    roles: ['read'],
    summary: 'Rows of a view by window, oldest first',
    description:
      'Without `from`, the newest 240 windows. Over all tenants, rows become sums a window (`summed`) when there are more than `limit`.',
    parameters: [
      VIEW,
      TENANT,
      {
        name: 'from',
        in: 'query',
        description: 'Windows that start at or after: ms since 1970 or ISO 8601',
        schema: { type: 'string' },
      },
      { name: 'to', in: 'query', description: 'Windows that start before', schema: { type: 'string' } },
      {
        name: 'limit',
        in: 'query',
        description: 'Most rows; the newest are kept',
        schema: { type: 'integer', minimum: 1, maximum: 10_000, default: 1_000 },
      },
    ],
    answers: { 'application/json': { $ref: '#/components/schemas/ViewRows' } },
    errors: [400, 404],
    async handle(exchange) {
      const view = viewOf(api, exchange);
      const { query, response, principal } = exchange;
      const range = {
        tenant: tenantOf(principal, query.get('tenant')),
        from: timeParameter(query, 'from'),
        to: timeParameter(query, 'to'),
        limit: wholeNumber(query, 'limit', { min: 1, max: 10_000, fallback: 1_000 }),
      };
      answerJson(response, 200, await (await api.store()).call('rows', view.name, range), {
        'cache-control': 'no-store',
      });
    },
  };
}

/** The view of the path, if this key may read it. */
export function viewOf(
  api: Pick<Api, 'views'>,
  { path, principal }: Pick<Exchange, 'path' | 'principal'>,
): ViewDescription {
  const view = api.views.find(({ name }) => name === path['view']);
  if (view === undefined)
    throw new MillraceError('NOT_FOUND', `there is no view '${path['view']}'`, { place: 'path view' });
  if (view.global && principal.role !== 'operator')
    throw new MillraceError('KEY_FORBIDDEN', `view '${view.name}' sums over all tenants; it takes an operator's key`, {
      place: view.name,
    });
  return view;
}
