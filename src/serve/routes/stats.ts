/** What the console's first page shows, the accounts, and the tenants to pick from. */
import { answerJson } from '../../collect/http/answer.js';
import { EVERY_TENANT, type Principal } from '../../config/tenants.js';
import type { Api } from '../api-input.js';
import { Rate } from '../rate.js';
import { tenantOf, wholeNumber, type Route } from '../route.js';

/** The answer of `/v1/stats`. Counts are since the start of the process; a tenant sees its own. */
export interface Stats {
  readonly nowMs: number;
  readonly received: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly quarantined: number;
  /** Rows that came too late for a view, over all of them; null for a tenant's key. */
  readonly late: number | null;
  readonly eventsPerSecond: number;
  readonly readers: readonly {
    readonly id: string;
    readonly stream: string;
    readonly state: string;
    readonly lagRows: number;
    readonly lagMs: number;
  }[];
  readonly views: readonly {
    readonly name: string;
    readonly freshnessMs: number | null;
    readonly completeThrough: number | null;
    readonly late: number | null;
  }[];
}

/** Reads the stats; one object serves all requests, because it follows the rate of events. */
export class StatsReader {
  readonly #api: Api;
  readonly #rate: Rate;

  constructor(api: Api) {
    this.#api = api;
    this.#rate = new Rate(api.clock, () =>
      api.streams.reduce((sum, stream) => sum + api.accounts.total(stream).accepted, 0),
    );
  }

  /** The stats as a key may see them. */
  async read(principal: Principal): Promise<Stats> {
    const api = this.#api;
    const [transforms, deliver, mill, lake, store] = await Promise.all([
      api.transforms(),
      api.deliver(),
      api.mill(),
      api.lake(),
      (async () => (await api.store()).call('status'))(),
    ]);
    const operator = principal.tenant === EVERY_TENANT;
    const counts = { received: 0, accepted: 0, duplicates: 0, quarantined: 0 };
    const accounts = operator
      ? api.streams.map((stream) => api.accounts.total(stream))
      : [...api.accounts.list(principal.tenant)];
    for (const account of accounts)
      for (const name of ['received', 'accepted', 'duplicates', 'quarantined'] as const) counts[name] += account[name];
    const late = new Map(mill.map(({ stats }) => [stats.name, stats.late]));
    const shown = api.views.filter((view) => operator || !view.global);
    return {
      nowMs: api.clock.now(),
      ...counts,
      late: operator ? [...late.values()].reduce((sum, rows) => sum + rows, 0) : null,
      eventsPerSecond: this.#rate.perSecond,
      readers: [
        ...transforms,
        ...[...deliver, ...mill].map(({ reader }) => reader),
        ...lake,
        ...store.views.map(({ reader }) => reader),
      ].map(({ id, positions, state, lagRows, lagMs }) => ({
        id,
        stream: positions[0]?.stream ?? '',
        state,
        lagRows,
        lagMs,
      })),
      views: shown.map(({ name }) => {
        const view = store.views.find((one) => one.name === name);
        return {
          name,
          freshnessMs: view?.freshnessMs ?? null,
          completeThrough: view?.completeThrough ?? null,
          late: operator ? (late.get(name) ?? 0) : null,
        };
      }),
    };
  }

  /** Stops following. */
  close(): void {
    this.#rate.close();
  }
}

/** The routes. */
export function statsRoutes(api: Api, stats: StatsReader): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/stats',
      roles: ['read'],
      summary: 'Events a second, freshness, lag of every reader, late and quarantined counts',
      answers: { 'application/json': { $ref: '#/components/schemas/Stats' } },
      async handle({ response, principal }) {
        answerJson(response, 200, await stats.read(principal), { 'cache-control': 'no-store' });
      },
    },
    {
      method: 'GET',
      path: '/v1/audit',
      roles: ['read'],
      summary: 'The accounts: received = delivered + dropped + quarantined + pending, a stream',
      description: "All tenants, or one; a tenant's key sees its own.",
      parameters: [
        {
          name: 'tenant',
          in: 'query',
          description: "This tenant's accounts, with an operator's key",
          schema: { type: 'string' },
        },
      ],
      answers: { 'application/json': { $ref: '#/components/schemas/Audit' } },
      errors: [503],
      async handle({ response, principal, query }) {
        const tenant = tenantOf(principal, query.get('tenant'));
        answerJson(response, 200, await api.audit.accounts(tenant), { 'cache-control': 'no-store' });
      },
    },
    {
      method: 'GET',
      path: '/v1/tenants',
      roles: ['read'],
      summary: 'Tenants that this key may see, by the start of their name',
      parameters: [
        { name: 'prefix', in: 'query', description: 'How the name starts', schema: { type: 'string' } },
        {
          name: 'limit',
          in: 'query',
          description: 'Most names',
          schema: { type: 'integer', minimum: 1, maximum: 1_000, default: 100 },
        },
      ],
      answers: {
        'application/json': {
          type: 'object',
          required: ['tenants'],
          properties: { tenants: { type: 'array', items: { type: 'string' } } },
        },
      },
      handle({ response, principal, query }) {
        const limit = wholeNumber(query, 'limit', { min: 1, max: 1_000, fallback: 100 });
        answerJson(response, 200, { tenants: tenantNames(api, principal, query.get('prefix') ?? '', limit) });
      },
    },
  ];
}

function tenantNames(api: Api, principal: Principal, prefix: string, limit: number): string[] {
  const all = principal.tenant === EVERY_TENANT ? api.tenants.directory.tenantIds() : [principal.tenant];
  const names: string[] = [];
  for (const id of all) if (id.startsWith(prefix)) names.push(id);
  return names.sort().slice(0, limit);
}
