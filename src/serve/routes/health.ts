/** Whether the process lives, whether it can do its work, and its numbers for Prometheus. */
import { answerJson } from '../../collect/http/answer.js';
import { renderMetrics } from '../../telemetry/metrics.js';
import type { Api } from '../api-input.js';
import type { Route } from '../route.js';

/** A reader this far behind is not ready to be asked. */
const READY_LAG_MS = 60_000;
/** What other threads do not answer in this time is left out. */
const PATIENCE_MS = 2_000;

/** The routes. */
export function healthRoutes(api: Api): Route[] {
  return [healthRoute(api), readyRoute(api), metricsRoute(api)];
}

function healthRoute(api: Api): Route {
  return {
    method: 'GET',
    path: '/health',
    roles: null,
    summary: 'Can the log be written?',
    answers: {
      'application/json': {
        type: 'object',
        required: ['status'],
        properties: { status: { enum: ['ok', 'failing', 'full', 'closed'] }, reason: { type: ['string', 'null'] } },
      },
    },
    errors: [503],
    handle({ response }) {
      const { state, reason } = api.log.stats();
      answerJson(
        response,
        state === 'writing' ? 200 : 503,
        { status: state === 'writing' ? 'ok' : state, reason },
        { 'cache-control': 'no-store' },
      );
    },
  };
}

function readyRoute(api: Api): Route {
  return {
    method: 'GET',
    path: '/ready',
    roles: null,
    summary: 'Does every part work, and has every reader nearly caught up?',
    answers: {
      'application/json': {
        type: 'object',
        required: ['ready', 'waiting'],
        properties: {
          ready: { type: 'boolean' },
          waiting: { type: 'array', items: { type: 'string' }, description: 'What is not ready, and why' },
        },
      },
    },
    errors: [503],
    async handle({ response }) {
      const waiting: string[] = [];
      const { state, reason } = api.log.stats();
      if (state !== 'writing') waiting.push(`log: ${reason ?? state}`);
      const readers = await within(api, readersOf(api));
      if (readers === null) waiting.push('a thread does not answer');
      for (const reader of readers ?? []) {
        if (reader.state !== 'running') waiting.push(`${reader.id}: ${reader.reason ?? reader.state}`);
        else if (reader.lagMs > READY_LAG_MS) waiting.push(`${reader.id}: ${Math.round(reader.lagMs / 1000)} s behind`);
      }
      answerJson(
        response,
        waiting.length === 0 ? 200 : 503,
        { ready: waiting.length === 0, waiting },
        { 'cache-control': 'no-store' },
      );
    },
  };
}

async function readersOf(api: Api) {
  const [mill, lake, store] = await Promise.all([
    api.mill(),
    api.lake(),
    (async () => (await api.store()).call('status'))(),
  ]);
  return [...mill.map(({ reader }) => reader), ...lake, ...store.views.map(({ reader }) => reader)];
}

function metricsRoute(api: Api): Route {
  return {
    method: 'GET',
    path: '/metrics',
    roles: null,
    summary: 'Numbers for Prometheus',
    answers: { 'text/plain': null },
    async handle({ response }) {
      const others = await within(
        api,
        Promise.all([(async () => (await api.store()).call('metrics'))(), api.otherMetrics()]),
      );
      const parts = [await api.metrics.collect(), ...(others === null ? [] : [others[0], ...others[1]])];
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
      response.end(await renderMetrics(parts));
    },
  };
}

/** A value, or null when it does not come in time or its thread is down. */
async function within<T>(api: Api, value: Promise<T>): Promise<T | null> {
  const late = new Promise<null>((resolve) => void api.clock.after(PATIENCE_MS, () => resolve(null)));
  return Promise.race([value.catch((error: unknown) => (api.onError(error), null)), late]);
}
