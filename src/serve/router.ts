/**
 * Finds the route of a request, checks the key, and turns errors into answers.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerError, answerMethod } from '../collect/http/answer.js';
import { targetOf } from '../collect/http/request.js';
import type { Handler } from '../collect/http/server.js';
import type { TenantStore } from '../config/tenant-store.js';
import type { Clock } from '../io/clock.js';
import type { Metrics } from '../telemetry/metrics.js';
import { MillraceError } from '../util/errors.js';
import { NOBODY, type Route } from './route.js';

/** What the router needs. */
export interface RouterInput {
  readonly routes: readonly Route[];
  readonly tenants: TenantStore;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** Told of errors that are bugs. */
  readonly onError: (error: unknown) => void;
}

interface Compiled {
  readonly route: Route;
  readonly segments: readonly string[];
}

/** Makes the handler of a table of routes. */
export function createRouter(input: RouterInput): Handler {
  const compiled = input.routes.map((route): Compiled => ({ route, segments: route.path.split('/') }));
  return {
    handle(request, response) {
      const { path, query } = targetOf(request);
      const segments = path.split('/');
      const found = compiled.filter((one) => matches(one.segments, segments));
      if (found.length === 0) return false;
      const method = request.method === 'HEAD' ? 'GET' : request.method;
      const chosen = found.find(({ route }) => route.method === method);
      if (chosen === undefined) {
        answerMethod(request, response, found.map(({ route }) => route.method).join(', '));
        return true;
      }
      void run(input, chosen, segments, new URLSearchParams(query), request, response);
      return true;
    },
  };
}

function matches(route: readonly string[], segments: readonly string[]): boolean {
  return (
    route.length === segments.length &&
    route.every((part, index) => (part.startsWith('{') ? segments[index] !== '' : part === segments[index]))
  );
}

async function run(
  input: RouterInput,
  { route, segments }: Compiled,
  given: readonly string[],
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const started = input.clock.monotonic();
  response.once('close', () => {
    const labels = { route: route.path, status: `${Math.floor(response.statusCode / 100)}xx` };
    input.metrics.counter('millrace_http_requests_total', labels).add();
    input.metrics
      .histogram('millrace_http_request_seconds', { route: route.path })
      .observe((input.clock.monotonic() - started) / 1000);
  });
  try {
    const principal =
      route.roles === null ? NOBODY : input.tenants.authenticate(request.headers.authorization, route.roles);
    await route.handle({ request, response, path: parameters(segments, given), query, principal });
  } catch (error) {
    if (!(error instanceof MillraceError)) input.onError(error);
    answerError(request, response, error);
  }
}

function parameters(segments: readonly string[], given: readonly string[]): Record<string, string> {
  const values: Record<string, string> = {};
  segments.forEach((part, index) => {
    if (!part.startsWith('{')) return;
    try {
      values[part.slice(1, -1)] = decodeURIComponent(given[index]!);
    } catch (cause) {
      throw new MillraceError('NOT_FOUND', `'${given[index]}' is not a valid part of an address`, {
        place: 'path',
        cause,
      });
    }
  });
  return values;
}
