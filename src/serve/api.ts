/**
 * The API: everything that is served besides the front door, from one table of routes, and the
 * console.
 */
import type { Handler } from '../collect/http/server.js';
import { answerJson } from '../collect/http/answer.js';
import type { Api } from './api-input.js';
import { openApi } from './openapi.js';
import type { Route } from './route.js';
import { createRouter } from './router.js';
import { COLLECT_ROUTES } from './routes/collect.js';
import { deliveryRoutes } from './routes/deliveries.js';
import { changedViewRoutes } from './routes/changed-views.js';
import { feedRoutes } from './routes/feed.js';
import { endpointRoutes } from './routes/endpoints.js';
import { healthRoutes } from './routes/health.js';
import { Live } from './routes/live.js';
import { queryRoute } from './routes/query.js';
import { quarantineRoutes } from './routes/quarantine.js';
import { replayRoutes } from './routes/replays.js';
import { statsRoutes, StatsReader } from './routes/stats.js';
import { viewRoutes } from './routes/views.js';
import { whoamiRoute } from './routes/whoami.js';
import { createStatic } from './static.js';

export type { Api } from './api-input.js';

/** The API, ready to answer. */
export interface ApiHandler extends Handler {
  /** Ends live tails and long polls; to be called before the server drains. */
  close(): void;
}

/** Makes the API. */
export function createApi(api: Api): ApiHandler {
  const stats = new StatsReader(api);
  const live = new Live(api, stats);
  const routes: Route[] = [
    queryRoute(api),
    ...endpointRoutes(api),
    ...viewRoutes(api),
    ...changedViewRoutes(api),
    ...feedRoutes(api),
    whoamiRoute(),
    ...statsRoutes(api, stats),
    live.route(),
    ...deliveryRoutes(api),
    ...quarantineRoutes(api),
    ...replayRoutes(api),
    ...healthRoutes(api),
  ];
  routes.push(openApiRoute(api, routes));
  const router = createRouter({
    routes,
    tenants: api.tenants,
    clock: api.clock,
    metrics: api.metrics,
    onError: api.onError,
  });
  const files = createStatic(api.consoleFolder);
  return {
    handle: (request, response) => router.handle(request, response) || files.handle(request, response),
    close() {
      api.polls.close();
      live.close();
      stats.close();
    },
  };
}

function openApiRoute(api: Api, routes: readonly Route[]): Route {
  const route: Route = {
    method: 'GET',
    path: '/v1/openapi.json',
    roles: null,
    summary: 'This document',
    answers: { 'application/json': { type: 'object' } },
    handle: ({ response }) => answerJson(response, 200, document),
  };
  const document = openApi([...COLLECT_ROUTES, ...routes, route], api.version);
  return route;
}
