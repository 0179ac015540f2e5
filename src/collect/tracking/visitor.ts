/**
 * What every tracking request (pixel, click) tells about the visitor, within the consent given.
 */
import type { IncomingMessage } from 'node:http';
import { uuidText } from '../../event/uuid.js';
import type { Random } from '../../io/random.js';
import { addressOf, cookieOf, headerOf } from '../http/request.js';
import { isPrefetch, LABEL_NO_AGENT, LABEL_NO_CONSENT, LABEL_PREFETCH } from './agents.js';
import { consentOf, type Consent } from './consent.js';

/** Name of the first-party cookie. */
export const COOKIE = 'mr_uid';

const YEAR_SECONDS = 31_536_000;

/** A visitor, as far as may be known. */
export interface Visitor {
  readonly consent: Consent;
  readonly labels: readonly string[];
  readonly ip: string | undefined;
  /** The id in the cookie, an old or a new one; undefined without consent. */
  readonly userId: string | undefined;
  readonly userAgent: string | undefined;
  readonly referrer: string | undefined;
  /** `Set-Cookie` for the answer; undefined when there is nothing to set. */
  readonly setCookie: string | undefined;
}

/** Reads the visitor of a request. The label for bots comes later, with the event's user agent. */
export function visitorOf(
  request: IncomingMessage,
  query: URLSearchParams,
  trustProxy: boolean,
  random: Random,
): Visitor {
  const consent = consentOf(query);
  const userAgent = headerOf(request, 'user-agent');
  const labels: string[] = [];
  if (userAgent === undefined) labels.push(LABEL_NO_AGENT);
  if (isPrefetch(request)) labels.push(LABEL_PREFETCH);
  if (!consent.personal) labels.push(LABEL_NO_CONSENT);
  const known = consent.personal ? cookieOf(request, COOKIE) : undefined;
  const valid = known !== undefined && /^[0-9a-f-]{36}$/.test(known) ? known : undefined;
  const userId = consent.personal ? (valid ?? randomUuid(random)) : undefined;
  return {
    consent,
    labels,
    ip: consent.personal ? addressOf(request, trustProxy) : undefined,
    userId,
    userAgent,
    referrer: headerOf(request, 'referer'),
    setCookie:
      userId === undefined
        ? undefined
        : `${COOKIE}=${userId}; Path=/; Max-Age=${YEAR_SECONDS}; Secure; HttpOnly; SameSite=None`,
  };
}

/** A random UUID, version 4. */
export function randomUuid(random: Random): string {
  const bytes = random.fill(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidText(bytes, 0);
}
