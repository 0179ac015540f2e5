/**
 * The front door: the routes by which events come in, and what they share.
 *
 * | route | what | answers before the log has it |
 * |---|---|---|
 * | `POST /v1/events` | batches, by key | never |
 * | `GET /i` | pixel | yes, always a GIF |
 * | `GET /c` | click, signed or to an allowed host | after `clickWaitMs` |
 * | `GET, POST /postback` | conversion, by click id or secret | never |
 * | `POST /v1/links` | signs a click link, by key | keeps nothing |
 * | `POST /` | the Firehose API, by signature | never |
 * | `POST /v1/firehose` | what a stream in AWS delivers, by key | never |
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { MillraceError } from '../util/errors.js';
import { Accounts } from './accounts.js';
import { Budget } from './http/body.js';
import { answerError } from './http/answer.js';
import type { Handler } from './http/server.js';
import { targetOf, type Target } from './http/request.js';
import { Doors } from './doors.js';
import { COLLECT_DEFAULTS, FIREHOSE_DEFAULTS, type CollectInput, type CollectServices } from './options.js';
import { takeClick } from './protocols/click.js';
import { takeEndpoint } from './protocols/firehose/endpoint.js';
import { Firehose, isAwsCall } from './protocols/firehose/firehose.js';
import { takeEvents } from './protocols/events.js';
import { takeLinks } from './protocols/links.js';
import { takePixel } from './protocols/pixel.js';
import { takePostback } from './protocols/postback.js';
import { Quarantine } from '../event/quarantine.js';
import { Agents } from './tracking/agents.js';
import { Tracking } from './tracking/tracking.js';

/** The front door, open. */
export interface Collector extends Handler {
  readonly accounts: Accounts;
  /** Bytes of bodies under way. */
  readonly pendingBytes: number;
  /** The ways of events into streams. */
  readonly doors: Doors;
}

type Route = 'events' | 'pixel' | 'click' | 'postback' | 'links' | 'firehose' | 'endpoint';

/** Makes the front door. Throws CONFIG_INVALID when the default stream can't take tracking events. */
export function createCollector(input: CollectInput): Collector {
  const services: CollectServices = {
    ...input,
    limits: { ...COLLECT_DEFAULTS, ...input.limits },
    firehose: { ...FIREHOSE_DEFAULTS, ...input.firehose },
    accounts: new Accounts(),
    unauthenticated: (request) => count(services, request),
  };
  const { limits, log, metrics, accounts, dedupe } = services;
  const shared = {
    quarantine: new Quarantine({
      clock: services.clock,
      tenantBytesMax: limits.quarantineTenantBytesMax,
      eventBytesMax: limits.quarantineEventBytesMax,
    }),
    agents: new Agents(),
  };
  const doors = new Doors(services, shared);
  for (const { name } of services.streams.list()) doors.open(log.stream(name)!);
  const budget = new Budget(limits.pendingBytesMax);
  const first = doors.get(limits.defaultStream);
  if (first === undefined)
    throw new MillraceError('CONFIG_INVALID', `there is no stream '${limits.defaultStream}'`, {
      place: 'collect.defaultStream',
    });
  const tracking = new Tracking(services, first);
  const firehose = new Firehose(services, doors, budget);
  metrics.onCollect(() => {
    const { ids, heldMs } = dedupe.stats();
    metrics.gauge('millrace_dedupe_ids').set(ids);
    metrics.gauge('millrace_dedupe_window_seconds').set(heldMs / 1000);
  });
  const answer = (route: Route, target: Target, request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (route === 'events')
      return takeEvents(services, (stream) => doors.get(stream), budget, request, response, target.query);
    if (route === 'pixel') return takePixel(tracking, request, response, target.query);
    if (route === 'click') return takeClick(tracking, request, response, target.query);
    if (route === 'endpoint') return takeEndpoint(services, doors, budget, request, response, target.query);
    if (route === 'firehose') return firehose.handle(request, response);
    if (route === 'links') return takeLinks(services, budget, request, response);
    return takePostback(tracking, budget, request, response, target);
  };
  return {
    accounts,
    doors,
    get pendingBytes() {
      return budget.used;
    },
    handle(request, response) {
      const target = targetOf(request);
      const isCall = services.firehose.enabled && isAwsCall(request, target.path);
      const route = isCall ? 'firehose' : routeOf(target.path);
      if (route === undefined) return false;
      measure(services, route, response);
      answer(route, target, request, response).catch((error: unknown) => {
        if (!(error instanceof MillraceError)) services.onError(error);
        answerError(request, response, error);
      });
      return true;
    },
  };
}

function routeOf(path: string): Route | undefined {
  if (path === '/v1/events') return 'events';
  if (path === '/i') return 'pixel';
  if (path === '/c') return 'click';
  if (path === '/v1/links') return 'links';
  if (path === '/v1/firehose') return 'endpoint';
  return path === '/postback' || path.startsWith('/postback/') ? 'postback' : undefined;
}

function measure({ metrics, clock }: CollectServices, route: Route, response: ServerResponse): void {
  const start = clock.monotonic();
  response.once('close', () => {
    metrics.histogram('millrace_http_request_seconds', { route }).observe((clock.monotonic() - start) / 1000);
    metrics
      .counter('millrace_http_requests_total', { route, status: `${Math.floor(response.statusCode / 100)}xx` })
      .add();
  });
}

/** Counts a request that may not send: its declared body, or its address. */
function count({ accounts, metrics }: CollectServices, request: IncomingMessage): void {
  const bytes = Number(request.headers['content-length'] ?? 0) || (request.url?.length ?? 0);
  accounts.unauthenticatedBytes += bytes;
  metrics.counter('millrace_unauthenticated_bytes_total').add(bytes);
}
