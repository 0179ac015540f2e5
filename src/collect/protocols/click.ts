/**
 * `GET /c?t=…&u=…`: a click. See `tracking/links.ts` for who may be sent where.
 *
 * Mints a click id, writes the click, fills the click id and other macros into the destination and
 * answers 302. The visitor waits for the log at most `clickWaitMs`: then, or when the log fails, the
 * redirect goes out all the same and the click is counted as unlogged. Its click id is a signed
 * token of tenant, link and time, so a later conversion can still be told whose it is.
 *
 * A guard may send the visitor elsewhere; what is written is the click as it was.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { answerMethod } from '../http/answer.js';
import { derivedUuid, mintClickId } from '../tracking/click-id.js';
import { CONSENT_PARAMETERS } from '../tracking/consent.js';
import { LINK_PARAMETERS, readLink } from '../tracking/links.js';
import { expandMacros } from '../tracking/macros.js';
import type { Tracking } from '../tracking/tracking.js';
import { visitorOf } from '../tracking/visitor.js';

const WITHOUT: ReadonlySet<string> = new Set([
  ...LINK_PARAMETERS,
  ...CONSENT_PARAMETERS,
  'event_id',
  'click_id',
  'event_type',
  'event_time',
]);

/** Answers one request. Throws LINK_INVALID when the link may not be followed. */
export async function takeClick(
  tracking: Tracking,
  request: IncomingMessage,
  response: ServerResponse,
  queryText: string,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return answerMethod(request, response, 'GET, HEAD');
  const { services } = tracking;
  const { signingKeys, tenants, clock, random, limits } = services;
  const query = new URLSearchParams(queryText);
  const now = clock.now();
  const link = readLink(signingKeys, query, (id) => tenants.directory.tenant(id), now);
  const visitor = visitorOf(request, query, limits.trustProxy, random);
  const clickId = mintClickId(signingKeys, random, { tenant: link.tenant, link: link.link, timeMs: now });
  const { fields, props } = tracking.json.fromQuery(query, WITHOUT);
  const macros = macrosOf(request, query, clickId, now);
  const destination = expandMacros(link.destination, macros);
  if (link.link !== '') props['link'] = link.link;
  const event = tracking.event(
    {
      url: destination,
      ...fields,
      event_type: 'click',
      event_id: derivedUuid('click', clickId),
      event_time: now,
      click_id: clickId,
    },
    props,
    visitor,
  );
  let location = destination;
  const onElsewhere = (url: string): void => void (location = expandMacros(url, macros));
  if (!(await tracking.takeInTime(request, link.tenant, event, onElsewhere))) tracking.unlogged('click', link.tenant);
  const headers: Record<string, string | number> = {
    location,
    'cache-control': 'no-store',
    'content-length': 0,
    'referrer-policy': 'no-referrer-when-downgrade',
  };
  if (visitor.setCookie !== undefined) headers['set-cookie'] = visitor.setCookie;
  response.writeHead(302, headers);
  response.end();
}

function macrosOf(
  request: IncomingMessage,
  query: URLSearchParams,
  clickId: string,
  now: number,
): Record<string, string> {
  const host = request.headers.host ?? '';
  const values: Record<string, string> = {};
  for (const [name, value] of query)
    if (!LINK_PARAMETERS.has(name) && /^[A-Za-z0-9_]{1,64}$/.test(name)) values[name.toUpperCase()] = value;
  return {
    ...values,
    CLICKID: clickId,
    CLICK_ID: clickId,
    SUBID: clickId,
    CLICK_URL: `//${host}${request.url ?? ''}`,
    CACHEBUSTER: String(now),
    TIMESTAMP: String(now),
  };
}
