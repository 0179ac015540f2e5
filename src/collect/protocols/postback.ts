/**
 * `GET|POST /postback?cid=<click id>&payout=&txid=&currency=&et=&param1..5=`: a conversion, told by a network.
 *
 * Only `cid` is mandatory. Whose it is: a click id of ours proves its tenant by its signature; a
 * foreign one (`gclid` …) needs the tenant's postback secret, in the path `/postback/<secret>` or as
 * `token=`. The names of the parameters are the tenant's (`postbackNames`); with a foreign naming of
 * the click id the tenant is told by `t=` or by the secret.
 *
 * The event id is made from click id, txid and et, so a resend counts once, and two sales of one
 * click count twice when they have a txid each. A click that is not known (yet) is no reason to refuse.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PostbackNames, Tenant } from '../../config/tenants.js';
import { MillraceError } from '../../util/errors.js';
import { answerJson, answerMethod } from '../http/answer.js';
import { readBody, type Budget } from '../http/body.js';
import { addressOf, headerOf } from '../http/request.js';
import { derivedUuid, readClickId } from '../tracking/click-id.js';
import type { Tracking } from '../tracking/tracking.js';

/** Longest body of a postback. */
const BODY_BYTES_MAX = 64 * 1024;
const PARAMETERS = ['param1', 'param2', 'param3', 'param4', 'param5'] as const;
const WITHOUT_NAMES = ['t', 'token', 'event_id', 'event_type', 'click_id'];

/** Whose conversion it is, and of which click. */
interface Owner {
  readonly tenant: Tenant;
  readonly cid: string;
  /** When the click was, for click ids of ours. */
  readonly clickedAt: number | undefined;
  readonly link: string | undefined;
}

/** Answers one request. Throws CLICK_ID_INVALID, KEY_INVALID, or why the log does not take it. */
export async function takePostback(
  tracking: Tracking,
  budget: Budget,
  request: IncomingMessage,
  response: ServerResponse,
  target: { readonly path: string; readonly query: string },
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'POST') return answerMethod(request, response, 'GET, POST');
  const query = new URLSearchParams(target.query);
  const body = await readBody(request, BODY_BYTES_MAX, budget);
  try {
    for (const [name, value] of formOf(request, body.bytes)) query.append(name, value);
  } finally {
    body.release();
  }
  const owner = ownerOf(tracking, request, query, target.path.slice('/postback/'.length));
  const event = eventOf(tracking, request, query, owner);
  const outcome = await tracking.take(request, owner.tenant.id, event);
  const [rejected] = outcome.rejected;
  if (rejected !== undefined)
    throw new MillraceError(rejected.code, rejected.message, rejected.path === null ? {} : { place: rejected.path });
  answerJson(response, 200, outcome);
}

function ownerOf(tracking: Tracking, request: IncomingMessage, query: URLSearchParams, pathSecret: string): Owner {
  const { tenants, signingKeys } = tracking.services;
  const { directory } = tenants;
  const secret = pathSecret === '' ? query.get('token') : pathSecret;
  const secretTenant = secret === null ? undefined : directory.postbackTenant(secret);
  if (pathSecret !== '' && secretTenant === undefined) {
    tracking.services.unauthenticated(request);
    throw new MillraceError('KEY_INVALID', 'this postback secret is not known', { place: 'path' });
  }
  const told = directory.tenant(secretTenant ?? query.get('t') ?? '');
  const cid = query.get(told?.postbackNames['cid'] ?? 'cid') ?? query.get('cid') ?? '';
  if (cid === '' || cid.length > 1024) {
    tracking.services.unauthenticated(request);
    throw new MillraceError('CLICK_ID_INVALID', "expected the click id in 'cid'", { place: 'query cid' });
  }
  const click = readClickId(signingKeys, cid);
  const id = secretTenant ?? click?.tenant;
  const tenant = id === undefined ? undefined : directory.tenant(id);
  if (
    tenant === undefined ||
    (click !== null && click.tenant !== tenant.id) ||
    (told !== undefined && told.id !== tenant.id)
  ) {
    tracking.services.unauthenticated(request);
    throw new MillraceError(
      'CLICK_ID_INVALID',
      'this click id is not one of ours for this tenant; a foreign one needs the postback secret',
      { place: 'query cid' },
    );
  }
  return { tenant, cid, clickedAt: click?.timeMs, link: click?.link || undefined };
}

function eventOf(
  tracking: Tracking,
  request: IncomingMessage,
  query: URLSearchParams,
  { tenant, cid, clickedAt, link }: Owner,
): Buffer {
  const names = tenant.postbackNames;
  const read = (name: string): string | undefined => query.get(names[name] ?? name) ?? undefined;
  const [payout, txid, currency, et] = [read('payout'), read('txid'), read('currency'), read('et')];
  const { fields, props } = tracking.json.fromQuery(query, consumed(names));
  for (const name of PARAMETERS) {
    const value = read(name);
    if (value !== undefined) props[name] = value;
  }
  Object.assign(props, {
    ...(txid !== undefined && { txid }),
    ...(et !== undefined && { et }),
    ...(clickedAt !== undefined && { clicked_at: clickedAt }),
    ...(link !== undefined && { link }),
  });
  return tracking.json.encode(
    {
      event_time: tracking.services.clock.now(),
      ...fields,
      event_type: 'conversion',
      event_id: derivedUuid('conversion', cid, txid ?? '', et ?? ''),
      click_id: cid,
      revenue: payout === '' ? undefined : payout,
      currency: currency === '' ? undefined : currency,
      ip: addressOf(request, tracking.services.limits.trustProxy),
      user_agent: headerOf(request, 'user-agent'),
    },
    props,
  );
}

/** Parameters that are read by name, so that they are not read again as fields. */
function consumed(names: PostbackNames): Set<string> {
  const own = ['cid', 'payout', 'txid', 'currency', 'et', ...PARAMETERS];
  return new Set([...WITHOUT_NAMES, ...own, ...own.map((name) => names[name] ?? name)]);
}

function formOf(request: IncomingMessage, body: Uint8Array): Iterable<[string, string]> {
  if (body.length === 0) return [];
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8');
  if (!/json/i.test(headerOf(request, 'content-type') ?? '')) return new URLSearchParams(text);
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    return Object.entries(value ?? {}).map(([name, one]) => [
      name,
      typeof one === 'string' ? one : JSON.stringify(one),
    ]);
  } catch (cause) {
    throw new MillraceError('BODY_MALFORMED', `the body is not JSON: ${(cause as Error).message}`, {
      place: 'body',
      cause,
    });
  }
}
