/**
 * AWS Signature Version 4: the one text that both sides of a request must come to.
 *
 * ```
 * canonical request            string to sign
 *   POST                         AWS4-HMAC-SHA256
 *   /path                        20150830T123600Z
 *   a=1&b=2                      20150830/us-east-1/firehose/aws4_request
 *   host:example.com             hex(sha256(canonical request))
 *   x-amz-date:20150830T123600Z
 *                              signature = hex(hmac(signing key, string to sign))
 *   host;x-amz-date
 *   hex(sha256(body))
 * ```
 * Source: "Create a signed AWS API request", AWS Identity and Access Management user guide. Paths and
 * queries are taken as they are on the wire, percent-encoded once; nothing here throws, whatever the
 * bytes are.
 */
import { createHash, createHmac, hash } from 'node:crypto';

/** The only algorithm that is spoken here. */
export const ALGORITHM = 'AWS4-HMAC-SHA256';
/** Ends every credential scope. */
export const TERMINATOR = 'aws4_request';
/** Stands for the hash of a payload that is not signed. */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

/**
 * How a path is made canonical. `double`: dot segments and empty segments go, and what is already
 * percent-encoded is encoded once more. `single`: taken as sent; only S3 does this, since there `a//b`
 * and `a/../b` are keys.
 */
export type PathEncoding = 'single' | 'double';

/** Where and when a signature is good. */
export interface CredentialScope {
  /** `20150830` */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

/** Headers by name in any case; a list is a header that is there several times. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A body: whole, or in pieces. */
export type Body = Uint8Array | readonly Uint8Array[];

/** What goes into a canonical request. */
export interface CanonicalParts {
  readonly method: string;
  /** The request target as on the wire: path, and query if any. */
  readonly target: string;
  readonly pathEncoding: PathEncoding;
  /** The headers that are signed, in the order in which `SignedHeaders` has them: [name in lower case, canonical value]. */
  readonly headers: readonly (readonly [string, string])[];
  /** Hex SHA-256 of the body, or `UNSIGNED-PAYLOAD`. */
  readonly payloadHash: string;
}

/** The canonical request. */
export function canonicalRequest({ method, target, pathEncoding, headers, payloadHash }: CanonicalParts): string {
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? '' : target.slice(mark + 1);
  const lines = headers.map(([name, value]) => `${name}:${value}\n`).join('');
  const names = headers.map(([name]) => name).join(';');
  return `${method}\n${canonicalPath(path, pathEncoding)}\n${canonicalQuery(query)}\n${lines}\n${names}\n${payloadHash}`;
}

/** The signature of a canonical request. */
export function signature(key: Uint8Array, amzDate: string, scope: CredentialScope, canonical: string): Buffer {
  const text = `${ALGORITHM}\n${amzDate}\n${scopeText(scope)}\n${hash('sha256', canonical, 'hex')}`;
  return createHmac('sha256', key).update(text).digest();
}

/** `20150830/us-east-1/firehose/aws4_request` */
export function scopeText({ date, region, service }: CredentialScope): string {
  return `${date}/${region}/${service}/${TERMINATOR}`;
}

/** Hex SHA-256 of a body. */
export function hashBody(body: Body): string {
  if (body instanceof Uint8Array) return hash('sha256', body, 'hex');
  const sum = createHash('sha256');
  for (const piece of body) sum.update(piece);
  return sum.digest('hex');
}

/** `20150830T123600Z` of ms since 1970. */
export function formatAmzDate(timeMs: number): string {
  return new Date(timeMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
}

/** A header's canonical value: runs of white space are one space, several values are joined by a comma. */
export function canonicalHeaderValue(value: string | readonly string[]): string {
  return typeof value === 'string' ? collapse(value) : value.map(collapse).join(',');
}

function collapse(value: string): string {
  return value.replaceAll(/[ \t\r\n]+/g, ' ').replaceAll(/^ | $/g, '');
}

function canonicalPath(path: string, encoding: PathEncoding): string {
  if (path === '' || path === '/') return '/';
  if (encoding === 'single') return path;
  const kept: string[] = [];
  for (const segment of path.split('/'))
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment.replaceAll(RESERVED, encode));
  return kept.length === 0 ? '/' : `/${kept.join('/')}${path.endsWith('/') ? '/' : ''}`;
}

/** Sorted by name, then by value; sorting `name=value` as one text would put `a-b` before `a`. */
function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs: [string, string][] = [];
  for (const part of query.split('&')) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const name = equals === -1 ? part : part.slice(0, equals);
    pairs.push([normalize(name), equals === -1 ? '' : normalize(part.slice(equals + 1))]);
  }
  return pairs
    .toSorted(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const RESERVED = /[^A-Za-z0-9\-._~]/gu;
const ESCAPE_OR_RESERVED = /%[0-9A-Fa-f]{2}|[^A-Za-z0-9\-._~]/gu;

/** The one way to write what `text` stands for: unreserved characters bare, all others as `%XX`. */
function normalize(text: string): string {
  return text.replaceAll(ESCAPE_OR_RESERVED, (found) => {
    if (found.length !== 3 || found[0] !== '%') return encode(found);
    const character = String.fromCharCode(Number.parseInt(found.slice(1), 16));
    return /[A-Za-z0-9\-._~]/.test(character) ? character : found.toUpperCase();
  });
}

/** The percent-encoding of a character's UTF-8 bytes. */
function encode(character: string): string {
  return Buffer.from(character, 'utf8').toString('hex').toUpperCase().replaceAll(/../g, '%$&');
}

/** Percent-encodes a part of a path or query by RFC 3986, as AWS wants it: all but A-Z a-z 0-9 - . _ ~ */
export function percentEncode(text: string): string {
  return text.replaceAll(RESERVED, encode);
}
