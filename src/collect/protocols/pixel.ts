/**
 * `GET /i?t=<tenant>[&column=value …]`: one event, an impression unless `event_type` says otherwise.
 *
 * The answer is always 200 with the 43 bytes of an empty GIF, never cached, whatever happens: a page
 * must not show a broken image because of us. It waits for the log at most `clickWaitMs`; what the log
 * has not taken by then is counted as unlogged.
 * Anyone may send a pixel of any tenant, as anyone may open its page; keys are not involved.
 *
 * Parameters that name a column fill it; all others go into `props`. `event_id` makes a resend count once.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Tracking } from '../tracking/tracking.js';
import { visitorOf } from '../tracking/visitor.js';

/** The empty GIF. */
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');

const WITHOUT: ReadonlySet<string> = new Set(['t']);

/** Answers one request. */
export async function takePixel(
  tracking: Tracking,
  request: IncomingMessage,
  response: ServerResponse,
  queryText: string,
): Promise<void> {
  const { services } = tracking;
  const query = new URLSearchParams(queryText);
  const visitor = visitorOf(request, query, services.limits.trustProxy, services.random);
  const tenant = query.get('t') ?? '';
  const { fields, props } = tracking.json.fromQuery(query, WITHOUT);
  const event = tracking.event({ event_type: 'impression', ...fields }, props, visitor);
  if (!(await tracking.takeInTime(request, tenant, event))) tracking.unlogged('pixel', tenant);
  const headers: Record<string, string | number> = {
    'content-type': 'image/gif',
    'content-length': GIF.length,
    'cache-control': 'no-store, no-cache, must-revalidate, private',
    pragma: 'no-cache',
    expires: '0',
    'access-control-allow-origin': '*',
  };
  if (visitor.setCookie !== undefined) headers['set-cookie'] = visitor.setCookie;
  response.writeHead(200, headers);
  response.end(GIF);
}
