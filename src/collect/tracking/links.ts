/**
 * Click links: who may be sent where.
 *
 * A free URL parameter would make the tracker an open redirect (CWE-601), so a destination is
 * followed only when the link is signed, or when its host is on the tenant's list. Neither: refused.
 *
 * ```
 * /c?t=<tenant>&u=<destination>&l=<link>&x=<expiry, s>&k=<key id>&s=<signature>[&campaign_id=…]
 *                 signed: tenant, destination, link, expiry
 * ```
 * All other parameters are the event's fields; they are recorded and not trusted. Macros may stand
 * in path, query and fragment of the destination, never in its host.
 */
import type { Tenant } from '../../config/tenants.js';
import { MillraceError } from '../../util/errors.js';
import type { SigningKeys } from './signing-keys.js';

/** A link to be signed. */
export interface LinkInput {
  /** Where the front door is reached, such as `https://track.example.com`. */
  readonly base: string;
  readonly tenant: string;
  /** An absolute http or https address; may hold macros. */
  readonly destination: string;
  /** Your name for the link, at most 64 characters; it comes back with the conversion. */
  readonly link?: string;
  /** When the link stops working, ms since 1970. Left out: never. */
  readonly expiresAt?: number;
  /** Fields of the click event, such as `campaign_id`. */
  readonly fields?: Readonly<Record<string, string>>;
}

/** A link that may be followed. */
export interface Link {
  readonly tenant: string;
  readonly destination: string;
  readonly link: string;
}

/** Most characters of a link's name. */
export const LINK_NAME_MAX = 64;

/** Parameters that are the link's own, not fields of the event. */
export const LINK_PARAMETERS: ReadonlySet<string> = new Set(['t', 'u', 'l', 'x', 'k', 's']);

/** The address of a signed click link. Throws LINK_INVALID when the destination can't be one. */
export function signLink(keys: SigningKeys, input: LinkInput): string {
  const { base, tenant, destination, link = '', expiresAt, fields = {} } = input;
  checkDestination(destination);
  if (link.length > LINK_NAME_MAX)
    throw new MillraceError('LINK_INVALID', `a link's name has at most ${LINK_NAME_MAX} characters`, { place: 'link' });
  const expiry = expiresAt === undefined ? '' : String(Math.floor(expiresAt / 1000));
  const query = new URLSearchParams({ t: tenant, u: destination });
  if (link !== '') query.set('l', link);
  if (expiry !== '') query.set('x', expiry);
  query.set('k', keys.current);
  query.set('s', keys.sign('link', [tenant, destination, link, expiry]).toString('base64url'));
  for (const [name, value] of Object.entries(fields)) if (!LINK_PARAMETERS.has(name)) query.append(name, value);
  return `${base.replace(/\/$/, '')}/c?${query.toString()}`;
}

/** The link of a click's query, if it may be followed. Throws LINK_INVALID. */
export function readLink(
  keys: SigningKeys,
  query: URLSearchParams,
  tenantOf: (id: string) => Tenant | undefined,
  nowMs: number,
): Link {
  const tenant = query.get('t') ?? '';
  const destination = query.get('u') ?? '';
  const link = query.get('l') ?? '';
  const expiry = query.get('x') ?? '';
  if (tenant === '' || destination === '')
    throw new MillraceError('LINK_INVALID', "this link lacks 't' (tenant) or 'u' (destination)", { place: 'query' });
  const host = checkDestination(destination);
  const signature = query.get('s');
  if (signature !== null) {
    if (
      !keys.verify(
        'link',
        query.get('k') ?? '',
        [tenant, destination, link, expiry],
        Buffer.from(signature, 'base64url'),
      )
    )
      throw new MillraceError('LINK_INVALID', 'the signature of this link is wrong, or its key is no longer in use', {
        place: 'query s',
      });
    if (expiry !== '' && !(Number(expiry) * 1000 > nowMs))
      throw new MillraceError('LINK_INVALID', 'this link has expired', { place: 'query x' });
  } else if (!hostAllowed(tenantOf(tenant)?.redirectHosts ?? [], host))
    throw new MillraceError('LINK_INVALID', 'this link is not signed, and its host is not on the list of its tenant', {
      place: 'query u',
    });
  return { tenant, destination, link: link.slice(0, LINK_NAME_MAX) };
}

/** Whether `host` (with port, if any) is on a list such as `shop.example.com`, `*.example.com`. */
export function hostAllowed(allowed: readonly string[], host: string): boolean {
  return allowed.some((one) =>
    one.startsWith('*.') ? host.endsWith(one.slice(1)) && host.length > one.length - 1 : host === one,
  );
}

/** Checks that a destination is http(s) with a plain host; answers the host, lower case, with port. */
function checkDestination(destination: string): string {
  const match = /^https?:\/\/([^/?#\\]+)/i.exec(destination);
  const authority = match?.[1] ?? '';
  // No user information, no macros, nothing that a browser reads otherwise than we do.
  if (!/^(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*\.?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i.test(authority) || hasControl(destination))
    throw new MillraceError(
      'LINK_INVALID',
      'the destination is not an absolute http or https address with a plain host',
      { place: 'query u' },
    );
  return authority.toLowerCase();
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) <= 0x20 || text.charCodeAt(i) === 0x7f) return true;
  return false;
}
