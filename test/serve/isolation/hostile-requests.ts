/** Requests that try to get at another tenant's rows: on every address that takes a key. */
import { hostileSql, type Dice } from './hostile-sql.js';

/** A request, its path as it goes over the wire. */
export interface HostileRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: string;
  readonly accept?: string;
}

/** Cursors of either tenant. */
export interface Cursors {
  readonly own: readonly string[];
  readonly other: readonly string[];
}

const TENANTS = [
  'acme',
  'acme',
  'acme',
  'bolt',
  'bolt',
  '*',
  '%2a',
  '%62olt',
  'BOLT',
  'bolt%00',
  'acme%00bolt',
  'acme%2Cbolt',
  'acme%2f..%2fbolt',
  '..%2fbolt',
  'acme/../bolt',
  './bolt',
  '%2e%2e/bolt',
  "acme'%20OR%20'1'='1",
  '',
];
const VIEWS = [
  'traffic',
  'traffic',
  'traffic',
  'totals',
  'view.traffic',
  'events',
  'traffic%00',
  '..',
  '%2e%2e%2ftraffic',
  'TRAFFIC',
  '',
];
const PARTS = [
  '',
  '/changes',
  '/changes',
  '/snapshot',
  '/snapshot',
  '/digest',
  '/replay',
  '/ack',
  '/changes/',
  '/../../../bolt/views/traffic',
];
const NAMED = [
  'tenant=bolt',
  'tenant=acme&tenant=bolt',
  'tenant=bolt&tenant=acme',
  'tenant=%62olt',
  'tenant=*',
  'tenant=',
  'tenant[]=bolt',
  'Tenant=bolt',
  'tenant=acme%00bolt',
  'tenant=acme',
];
const FORMATS = ['json', 'ndjson', 'csv', 'arrow', 'parquet'] as const;
const OTHERS = [
  '/v1/views',
  '/v1/views/traffic/rows',
  '/v1/views/totals/rows',
  '/v1/views/traffic%2f..%2ftotals/rows',
  '/v1/stats',
  '/v1/audit',
  '/v1/tenants',
  '/v1/deliveries',
  '/v1/quarantine',
  '/v1/quarantine/0',
  '/v1/quarantine/stats',
  '/v1/replays',
  '/v1/whoami',
  '/v1/endpoints',
  '/v1/openapi.json',
  '/metrics',
];

/** One request as a client with the key of `acme` might send it. */
export function hostileRequest(dice: Dice, folder: string, cursors: Cursors): HostileRequest {
  const roll = dice.below(100);
  if (roll < 55) return queryRequest(dice, folder);
  if (roll < 75) return feedRequest(dice, cursors);
  if (roll < 90) return endpointRequest(dice);
  const path = dice.of(OTHERS);
  return {
    method: 'GET',
    path: `${path}?${dice.of([...NAMED, 'from=0', 'limit=100', 'stream=events', 'view=traffic'])}`,
  };
}

function queryRequest(dice: Dice, folder: string): HostileRequest {
  const sql = hostileSql(dice, folder);
  const format = dice.of(FORMATS);
  const tenant = dice.in(6) ? { tenant: dice.of(['bolt', 'acme', '*', '', ['bolt'], { id: 'bolt' }]) } : {};
  const path = dice.in(5) ? `/v1/query?${dice.of(NAMED)}` : '/v1/query';
  return { method: 'POST', path, body: JSON.stringify({ sql, format, ...tenant }) };
}

function feedRequest(dice: Dice, { own, other }: Cursors): HostileRequest {
  const path = `/v1/tenants/${dice.in(50) ? 'acme' : dice.of(TENANTS)}/views/${dice.in(60) ? 'traffic' : dice.of(VIEWS)}${dice.of(PARTS)}`;
  const cursor = dice.of([dice.of(own), dice.of(other), swap(dice.of(own), dice.of(other), dice), 'nonsense', '']);
  const query = [
    ...(dice.in(50) ? [`cursor=${encodeURIComponent(cursor)}`] : []),
    ...(dice.in(15) ? [dice.of(NAMED)] : []),
    ...(dice.in(20) ? [dice.of(['from=0', 'to=9e15', 'from=-1', 'from=1970-01-01'])] : []),
    ...(dice.in(20) ? [dice.of(['limit=1', 'limit=10000', 'limit=-1'])] : []),
  ].join('&');
  if (/\/(replay|ack)/.test(path))
    return {
      method: 'POST',
      path,
      body: JSON.stringify({ from: 0, ...(dice.in(60) ? { cursor } : {}), tenant: 'bolt' }),
    };
  return { method: 'GET', path: query === '' ? path : `${path}?${query}` };
}

/** The head of one cursor and the tail of another. */
function swap(a: string, b: string, dice: Dice): string {
  const at = dice.below(Math.max(1, Math.min(a.length, b.length)));
  return a.slice(0, at) + b.slice(at);
}

function endpointRequest(dice: Dice): HostileRequest {
  const name = dice.of([
    'top_campaigns',
    'top_campaigns',
    'clicks',
    'all_tenants',
    '..%2fendpoints%2fall_tenants',
    'top_campaigns%00',
  ]);
  const values = [
    "' OR true --",
    'bolt',
    'canary',
    '%',
    '%27)%20UNION%20SELECT%20*%20FROM%20totals',
    '1',
    'click',
    '2026-01-01',
    '{bolt}',
  ];
  const query = [
    ...(name === 'clicks' ? [`kind=${dice.of(['click', ...values.map(encodeURIComponent)])}`] : []),
    ...(dice.in(40) ? [`campaigns=${encodeURIComponent(dice.of(values))}`] : []),
    ...(dice.in(20) ? [`least=${encodeURIComponent(dice.of(['0', '-1', ...values]))}`] : []),
    ...(dice.in(25) ? [dice.of(NAMED)] : []),
    ...(dice.in(5) ? ['sql=SELECT%201', '__proto__=x'] : []),
    `format=${dice.of(FORMATS)}`,
  ].join('&');
  return { method: 'GET', path: `/v1/endpoints/${name}?${query}`, ...(dice.in(20) ? { accept: 'text/csv' } : {}) };
}
