/**
 * `GET /v1/live`: server-sent events. `stats` each second; with `stream=` new rows of a stream, with
 * `view=` changes of a view, both of the caller's tenant.
 *
 * Limits: `FOLLOWERS_MAX` followers in all. Each is asked for by turns, at most `PAGE_ROWS` rows at a
 * time, and only when it has read what it got: a client that lets more than `BACKLOG_BYTES_MAX` wait
 * for longer than `SLOW_MS` is cut off and may come again. Rows that it missed are counted in
 * `skipped`.
 */
import type { ServerResponse } from 'node:http';
import { EVERY_TENANT, type Principal } from '../../config/tenants.js';
import type { FeedRow } from '../../event/feed.js';
import { keyOf } from '../../event/served.js';
import { MillraceError } from '../../util/errors.js';
import type { Api } from '../api-input.js';
import { tenantOf, wholeNumber, type Exchange, type Route } from '../route.js';
import type { StatsReader } from './stats.js';
import { viewOf } from './views.js';

const FOLLOWERS_MAX = 200;
const POLL_MS = 200;
const STATS_MS = 1_000;
const PAGE_ROWS = 500;
const BACKLOG_BYTES_MAX = 256 * 1024;
const SLOW_MS = 5_000;

/** What a follower is told: an event's name and its data, or nothing this time. */
type Source = () => Promise<{ event: string; data: object; count: number } | null>;

/** The live tails of one process. */
export class Live {
  readonly #api: Api;
  readonly #stats: StatsReader;
  readonly #responses = new Set<ServerResponse>();

  constructor(api: Api, stats: StatsReader) {
    this.#api = api;
    this.#stats = stats;
    api.metrics.onCollect(() => api.metrics.gauge('millrace_live_followers').set(this.#responses.size));
  }

  /** Followers now. */
  get followers(): number {
    return this.#responses.size;
  }

  /** The route. */
  route(): Route {
    return {
      method: 'GET',
      path: '/v1/live',
      roles: ['read'],
      summary: 'Follow the stats, a stream or a view as server-sent events',
      parameters: [
        {
          name: 'stream',
          in: 'query',
          description: 'A stream, or a view, whose new rows come as `rows` events',
          schema: { type: 'string' },
        },
        {
          name: 'view',
          in: 'query',
          description: 'A view whose changes come as `changes` events',
          schema: { type: 'string' },
        },
        {
          name: 'since',
          in: 'query',
          description: 'With `view`: the revision to begin after; default the newest',
          schema: { type: 'integer', minimum: 0 },
        },
        {
          name: 'tenant',
          in: 'query',
          description: "This tenant's rows, with an operator's key",
          schema: { type: 'string' },
        },
      ],
      answers: { 'text/event-stream': null },
      errors: [400, 404, 429],
      handle: (exchange) => this.#follow(exchange),
    };
  }

  /** Ends all tails, so that the server can stop. */
  close(): void {
    for (const response of this.#responses) response.end();
  }

  async #follow(exchange: Exchange): Promise<void> {
    if (this.#responses.size >= FOLLOWERS_MAX)
      throw new MillraceError('RATE_LIMITED', `${FOLLOWERS_MAX} live tails are open; close one`);
    const { response, principal } = exchange;
    const source = await this.#sourceOf(exchange);
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    this.#responses.add(response);
    let open = true;
    response.once('close', () => {
      open = false;
      this.#responses.delete(response);
    });
    const tails = [this.#every(response, STATS_MS, () => open, this.#statsSource(principal))];
    if (source !== null) tails.push(this.#every(response, POLL_MS, () => open, source));
    await Promise.all(tails);
  }

  /** Polls a source as long as the follower reads. */
  async #every(response: ServerResponse, pauseMs: number, open: () => boolean, source: Source): Promise<void> {
    const { clock, onError } = this.#api;
    let slowSince = Infinity;
    while (open()) {
      let again = false;
      if (response.writableLength < BACKLOG_BYTES_MAX) {
        slowSince = Infinity;
        try {
          const found = await source();
          if (found !== null && open())
            response.write(`event: ${found.event}\ndata: ${JSON.stringify(found.data)}\n\n`);
          again = found !== null && found.count >= PAGE_ROWS;
        } catch (error) {
          // The store thread may be starting again: the tail goes on when it is back.
          if (!(error instanceof MillraceError)) onError(error);
        }
      } else if (slowSince === Infinity) slowSince = clock.monotonic();
      else if (clock.monotonic() - slowSince > SLOW_MS) return void response.destroy();
      if (!again) await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
    }
  }

  #statsSource(principal: Principal): Source {
    return async () => ({ event: 'stats', data: await this.#stats.read(principal), count: 0 });
  }

  async #sourceOf(exchange: Exchange): Promise<Source | null> {
    const { query, principal } = exchange;
    const stream = query.get('stream');
    const name = query.get('view') ?? (this.#api.views.some((view) => view.name === stream) ? stream : null);
    if (name !== null) return this.#viewSource(exchange, name, query.get('view') === null);
    if (stream === null) return null;
    const definition = this.#api.log.stream(stream);
    if (definition === undefined)
      throw new MillraceError('STREAM_UNKNOWN', `there is no stream or view '${stream}'`, { place: 'query stream' });
    if (principal.tenant !== EVERY_TENANT && definition.schema.roles.tenant < 0)
      throw new MillraceError(
        'KEY_FORBIDDEN',
        `stream '${stream}' belongs to no single tenant; it takes an operator's key`,
        { place: stream },
      );
    const tenant = tenantOf(principal, query.get('tenant'));
    let offsets: readonly number[] | null = null;
    return async () => {
      const page = await (await this.#api.store()).call('tail', stream, offsets, tenant, PAGE_ROWS);
      offsets = page.offsets;
      return page.rows.length === 0 && page.skipped === 0
        ? null
        : { event: 'rows', data: { rows: page.rows, skipped: page.skipped }, count: page.rows.length };
    };
  }

  async #viewSource({ query, principal }: Exchange, name: string, asRows: boolean): Promise<Source> {
    let view = viewOf(this.#api, { path: { view: name }, principal });
    const tenant = view.global ? '' : tenantOf(principal, query.get('tenant'));
    if (tenant === null)
      throw new MillraceError('BODY_MALFORMED', `expected the tenant whose rows of '${name}' are to be followed`, {
        place: 'query tenant',
      });
    let revision = wholeNumber(query, 'since', { min: 0, max: Number.MAX_SAFE_INTEGER, fallback: -1 });
    const newest = async () => (await (await this.#api.store()).call('feedView', keyOf(view), tenant)).stableRevision;
    if (revision < 0) revision = await newest();
    return async () => {
      const now = viewOf(this.#api, { path: { view: name }, principal });
      if (now !== view) {
        // Another definition answers: its revisions are its own.
        view = now;
        revision = await newest();
      }
      const asked = { tenant, revision, limit: PAGE_ROWS, from: null };
      const page = await (await this.#api.store()).call('feedChanges', keyOf(view), asked);
      revision = page.nextRevision;
      if (page.rows === 0) return null;
      const changes = JSON.parse(Buffer.from(page.body).toString()) as FeedRow[];
      const rows = changes.map(({ key, values, state, op }) => ({
        ...key,
        ...values,
        state,
        ...(op === 'delete' ? { op } : {}),
      }));
      return asRows
        ? { event: 'rows', data: { rows }, count: page.rows }
        : { event: 'changes', data: { changes, stable_rev: page.stableRevision }, count: page.rows };
    };
  }
}
