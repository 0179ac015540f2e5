/** The changes feed: `docs/guide/changes-feed.md` is the protocol. */
import { answerJson } from '../../collect/http/answer.js';
import { Budget, readBody } from '../../collect/http/body.js';
import { EVERY_TENANT } from '../../config/tenants.js';
import { keyOf } from '../../event/served.js';
import { MillraceError } from '../../util/errors.js';
import type { Api } from '../api-input.js';
import { EVERY, Feed, type FeedPage, type FeedSubject, type PageRequest } from '../feed/feed.js';
import { FeedLimits } from '../feed/limits.js';
import { timeParameter, timeValue, wholeNumber, type Exchange, type Parameter, type Route } from '../route.js';
import { viewOf } from './views.js';

const BASE = '/v1/tenants/{tenant}/views/{view}';
const WAIT_SECONDS_MAX = 30;
const LIMIT = { min: 1, max: 10_000, fallback: 1_000 };
const BODY_BYTES_MAX = 16 * 1024;

const TENANT: Parameter = {
  name: 'tenant',
  in: 'path',
  description: "The key's tenant; an operator's key may name any, and `*` for a view over all tenants",
  schema: { type: 'string' },
};
const VIEW: Parameter = { name: 'view', in: 'path', description: 'Name of the view', schema: { type: 'string' } };
const CURSOR: Parameter = {
  name: 'cursor',
  in: 'query',
  description: '`next_cursor` of the page before; without one, from the beginning',
  schema: { type: 'string' },
};
const LIMIT_PARAMETER: Parameter = {
  name: 'limit',
  in: 'query',
  description: 'Most rows of a page',
  schema: { type: 'integer', minimum: LIMIT.min, maximum: LIMIT.max, default: LIMIT.fallback },
};
const FROM: Parameter = {
  name: 'from',
  in: 'query',
  description: 'Only windows that start at or after: ms since 1970 or ISO 8601; the same for all pages of a cursor',
  schema: { type: 'string' },
};
const TO: Parameter = {
  name: 'to',
  in: 'query',
  description: 'Only windows that start before',
  schema: { type: 'string' },
};

/** What the feed needs of the API. */
export type FeedApi = Pick<Api, 'signingKeys' | 'store' | 'feed' | 'clock' | 'metrics' | 'polls' | 'views' | 'served'>;

/** The routes. */
export function feedRoutes(api: FeedApi): Route[] {
  const feed = new Feed(api.signingKeys, api.store, api.served);
  const limits = new FeedLimits(api.feed, api.clock);
  api.metrics.onCollect(() => api.metrics.gauge('millrace_feed_polls').set(api.polls.size));
  const limited =
    (handle: (exchange: Exchange, subject: FeedSubject) => Promise<void>): Route['handle'] =>
    async (exchange) => {
      const subject = subjectOf(api, exchange);
      const end = limits.begin(subject.tenant);
      try {
        await handle(exchange, subject);
      } finally {
        end();
      }
    };
  return [
    {
      method: 'GET',
      path: BASE,
      roles: ['read'],
      summary: 'A view as the changes feed has it: columns of key and values, and how far it is',
      parameters: [TENANT, VIEW],
      answers: { 'application/json': { $ref: '#/components/schemas/FeedView' } },
      errors: [404, 429],
      handle: limited(async ({ response }, subject) => answerJson(response, 200, await feed.view(subject), NO_STORE)),
    },
    changesRoute(api, feed, limited),
    {
      method: 'GET',
      path: `${BASE}/snapshot`,
      roles: ['read'],
      summary: "All of a tenant's rows by key; the last page's cursor goes on with the changes",
      parameters: [TENANT, VIEW, CURSOR, LIMIT_PARAMETER, FROM],
      answers: { 'application/json': { $ref: '#/components/schemas/SnapshotPage' } },
      errors: [400, 404, 410, 429],
      handle: limited(async (exchange, subject) =>
        answerPage(exchange, await feed.rows(pageRequest(exchange, subject), 'snapshot')),
      ),
    },
    {
      method: 'GET',
      path: `${BASE}/digest`,
      roles: ['read'],
      summary: 'What the rows of a range come to, a UTC day at a time: number, sums, and a hash',
      parameters: [TENANT, VIEW, FROM, TO],
      answers: { 'application/json': { $ref: '#/components/schemas/FeedDigest' } },
      errors: [400, 404, 429],
      handle: limited(async ({ query, response }, subject) => {
        const range = { from: timeParameter(query, 'from'), to: timeParameter(query, 'to') };
        answerJson(response, 200, await feed.digest({ ...subject, ...range }), NO_STORE);
      }),
    },
    replayRoute(feed, limited),
    ackRoute(api, feed, limited),
  ];
}

type Limited = (handle: (exchange: Exchange, subject: FeedSubject) => Promise<void>) => Route['handle'];

const NO_STORE = { 'cache-control': 'no-store' };

function changesRoute(api: FeedApi, feed: Feed, limited: Limited): Route {
  const { polls } = api;
  return {
    method: 'GET',
    path: `${BASE}/changes`,
    roles: ['read'],
    summary: "A tenant's changed rows since a cursor, each key once at its newest",
    parameters: [
      TENANT,
      VIEW,
      CURSOR,
      LIMIT_PARAMETER,
      {
        name: 'wait',
        in: 'query',
        description: 'With nothing new, wait so many seconds for something',
        schema: { type: 'integer', minimum: 0, maximum: WAIT_SECONDS_MAX, default: 0 },
      },
      FROM,
    ],
    answers: { 'application/json': { $ref: '#/components/schemas/FeedChanges' } },
    errors: [400, 404, 410, 429],
    handle: limited(async (exchange, subject) => {
      const { query, response } = exchange;
      const asked = pageRequest(exchange, subject);
      const seconds = wholeNumber(query, 'wait', { min: 0, max: WAIT_SECONDS_MAX, fallback: 0 });
      let page = await feed.changes(asked);
      if (seconds > 0 && page.rows === 0 && !page.hasMore) {
        const { tenant } = subject;
        const { view } = page;
        const wait = polls.wait(keyOf(view), tenant === EVERY ? '' : tenant, seconds * 1_000, (end) => {
          response.once('close', end);
        });
        await feed.watch({ view, tenant }, page.revision);
        await wait;
        if (response.destroyed) return;
        page = await feed.changes(asked);
      }
      answerPage(exchange, page);
    }),
  };
}

function replayRoute(feed: Feed, limited: Limited): Route {
  return {
    method: 'POST',
    path: `${BASE}/replay`,
    roles: ['read'],
    summary: "A tenant's rows of a range again, by key, to replace what a consumer has",
    parameters: [TENANT, VIEW],
    body: {
      type: 'object',
      additionalProperties: false,
      properties: {
        from: { type: ['string', 'number', 'null'], description: FROM.description },
        to: { type: ['string', 'number', 'null'], description: TO.description },
        cursor: { type: ['string', 'null'] },
        limit: LIMIT_PARAMETER.schema,
      },
    },
    answers: { 'application/json': { $ref: '#/components/schemas/SnapshotPage' } },
    errors: [400, 404, 410, 429],
    handle: limited(async (exchange, subject) => {
      const { from, to, cursor, limit, ...rest } = await bodyOf(exchange);
      refuseOthers(rest, 'from, to, cursor, limit');
      const request: PageRequest = {
        ...subject,
        cursor: textOf(cursor, 'cursor'),
        from: timeValue(from, 'from'),
        to: timeValue(to, 'to'),
        limit: wholeNumber(new URLSearchParams(limit === undefined ? {} : { limit: String(limit) }), 'limit', LIMIT),
      };
      answerPage(exchange, await feed.rows(request, 'replay'));
    }),
  };
}

function ackRoute({ metrics }: FeedApi, feed: Feed, limited: Limited): Route {
  return {
    method: 'POST',
    path: `${BASE}/ack`,
    roles: ['read'],
    summary: 'Tells how far a consumer is, for the metric of its lag',
    parameters: [TENANT, VIEW],
    body: {
      type: 'object',
      required: ['cursor'],
      additionalProperties: false,
      properties: { cursor: { type: 'string' } },
    },
    answers: { 'application/json': { type: 'object', properties: { lag_revisions: { type: 'integer' } } } },
    errors: [400, 404, 410, 429],
    handle: limited(async (exchange, subject) => {
      const { cursor, ...rest } = await bodyOf(exchange);
      refuseOthers(rest, 'cursor');
      const lag = await feed.lag(subject, textOf(cursor, 'cursor') ?? '');
      metrics.histogram('millrace_feed_lag_revisions', { view: subject.view.name }).observe(lag);
      answerJson(exchange.response, 200, { lag_revisions: lag }, NO_STORE);
    }),
  };
}

/** The tenant comes from the key, and the path must say the same. */
function subjectOf(api: FeedApi, exchange: Exchange): FeedSubject {
  const { path, principal } = exchange;
  const tenant = path['tenant']!;
  if (principal.tenant !== EVERY_TENANT && tenant !== principal.tenant)
    throw new MillraceError('KEY_FORBIDDEN', `this key belongs to tenant '${principal.tenant}', not to '${tenant}'`, {
      place: 'path tenant',
    });
  const view = viewOf(api, exchange);
  if (view.global !== (tenant === EVERY))
    throw new MillraceError(
      'NOT_FOUND',
      view.global
        ? `view '${view.name}' sums over all tenants; its rows are those of tenant '${EVERY}'`
        : `view '${view.name}' has rows by tenant; name one`,
      { place: 'path tenant' },
    );
  return { view, tenant };
}

function pageRequest({ query }: Exchange, subject: FeedSubject): PageRequest {
  return {
    ...subject,
    cursor: query.get('cursor'),
    limit: wholeNumber(query, 'limit', LIMIT),
    from: timeParameter(query, 'from'),
    to: null,
  };
}

function answerPage({ request, response }: Exchange, page: FeedPage): void {
  const headers = {
    etag: page.etag,
    'cache-control': 'no-cache',
    ...(page.completeThrough === null ? {} : { 'x-millrace-complete-through': page.completeThrough }),
  };
  if (page.rows === 0 && !page.hasMore && request.headers['if-none-match'] === page.etag) {
    response.writeHead(304, headers).end();
    return;
  }
  const body = Buffer.concat(page.parts().map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length, ...headers });
  response.end(body);
}

const budget = new Budget(64 * BODY_BYTES_MAX);

async function bodyOf({ request }: Exchange): Promise<Record<string, unknown>> {
  const body = await readBody(request, BODY_BYTES_MAX, budget);
  try {
    const value = JSON.parse(new TextDecoder().decode(body.bytes)) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw wrong(`the body is not JSON: ${(cause as Error).message}`, 'body', cause);
  } finally {
    body.release();
  }
  throw wrong('expected a JSON object', 'body');
}

function refuseOthers(rest: Readonly<Record<string, unknown>>, known: string): void {
  const [name] = Object.keys(rest);
  if (name !== undefined) throw wrong(`'${name}' is not known; there are ${known}`, name);
}

function textOf(value: unknown, name: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'string') throw wrong(`'${name}': expected a string`, name);
  return value;
}

function wrong(message: string, place: string, cause?: unknown): MillraceError {
  return new MillraceError('BODY_MALFORMED', message, { place, cause });
}
