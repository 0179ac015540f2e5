/** Views: what there is, and rows for a chart. */
import { answerJson } from '../../collect/http/answer.js';
import { keyOf } from '../../event/served.js';
import type { ViewDescription } from '../../event/view.js';
import { zoneOf } from '../../sql/zones.js';
import { MillraceError } from '../../util/errors.js';
import type { Api } from '../api-input.js';
import { GRANULARITIES, isGranularity } from '../rollup/period.js';
import { tenantOf, timeParameter, wholeNumber, type Exchange, type Parameter, type Route } from '../route.js';
import type { RowRange } from '../store-protocol.js';

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
      'Without `from`, the newest 240 windows or periods. Over all tenants, rows become sums a window (`summed`) when there are more than `limit`. With `granularity`, rows of longer periods: exact, or left out and named in `leftOut`.',
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
      {
        name: 'granularity',
        in: 'query',
        description: 'Rolls windows up to whole minutes, hours, days, weeks (from Monday) or months of the zone',
        schema: { type: 'string', enum: [...GRANULARITIES] },
      },
      {
        name: 'zone',
        in: 'query',
        description: "Whose hours and days: an IANA name; without it the tenant's `timeZone`",
        schema: { type: 'string' },
      },
    ],
    answers: { 'application/json': { $ref: '#/components/schemas/ViewRows' } },
    errors: [400, 404],
    async handle(exchange) {
      const view = viewOf(api, exchange);
      const { query, response, principal } = exchange;
      const tenant = tenantOf(principal, query.get('tenant'));
      const range = {
        tenant,
        from: timeParameter(query, 'from'),
        to: timeParameter(query, 'to'),
        limit: wholeNumber(query, 'limit', { min: 1, max: 10_000, fallback: 1_000 }),
        ...rollUpOf(query, tenant === null ? 'UTC' : (api.tenants.directory.tenant(tenant)?.timeZone ?? 'UTC')),
      };
      answerJson(response, 200, await (await api.store()).call('rows', keyOf(view), range), {
        'cache-control': 'no-store',
      });
    },
  };
}

/** The roll-up that a query asks for, if it does; `own` is the zone of who is asked about. */
function rollUpOf(query: URLSearchParams, own: string): Pick<RowRange, 'rollUp'> {
  const granularity = query.get('granularity') ?? '';
  const named = query.get('zone') ?? '';
  if (granularity === '' && named === '') return {};
  if (!isGranularity(granularity))
    throw new MillraceError(
      'BODY_MALFORMED',
      `granularity: expected one of ${GRANULARITIES.join(', ')}${granularity === '' ? '' : `, found '${granularity.slice(0, 40)}'`}`,
      { place: 'query granularity' },
    );
  try {
    return { rollUp: { granularity, zone: named === '' ? own : zoneOf(named).name } };
  } catch (cause) {
    throw new MillraceError('BODY_MALFORMED', `zone: ${(cause as Error).message}`, { place: 'query zone', cause });
  }
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
