/** Signs outgoing requests with AWS Signature Version 4; the twin of `verify.ts`. */
import { MillraceError } from '../../util/errors.js';
import {
  ALGORITHM,
  canonicalHeaderValue,
  canonicalRequest,
  formatAmzDate,
  hashBody,
  scopeText,
  signature,
  UNSIGNED_PAYLOAD,
  type Body,
  type PathEncoding,
} from './canonical.js';
import type { SigningKeyCache } from './signing-key.js';

/** Who signs. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** With temporary credentials. */
  readonly sessionToken?: string;
}

/** A request that is about to be sent. */
export interface RequestToSign {
  readonly method: string;
  /** Where to, such as `https://s3.eu-west-1.amazonaws.com`; gives the `host` header. */
  readonly origin: string;
  /** Path and query as they will be on the wire, percent-encoded once. */
  readonly target: string;
  /** All headers that will be sent and must not change on the way. */
  readonly headers?: Readonly<Record<string, string>>;
  /** `unsigned` leaves the body out of the signature, over https only: there TLS guards it. */
  readonly body?: Body | 'unsigned';
}

/** How to sign. */
export interface SignOptions {
  readonly credentials: Credentials;
  readonly region: string;
  readonly service: string;
  /** Default `double`; S3 wants `single`. */
  readonly pathEncoding?: PathEncoding;
  readonly keys: SigningKeyCache;
  readonly nowMs: number;
}

/** Headers that a proxy or the HTTP client may change, so they are not signed. */
const NOT_SIGNED: ReadonlySet<string> = new Set([
  'authorization',
  'cache-control',
  'connection',
  'expect',
  'from',
  'keep-alive',
  'max-forwards',
  'pragma',
  'referer',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'x-amzn-trace-id',
]);

/**
 * The headers to send: those given, in lower case, with `host`, `x-amz-date`, `x-amz-content-sha256`,
 * with temporary credentials `x-amz-security-token`, and `authorization`. Throws CONFIG_INVALID for
 * an unsigned body over plain http.
 */
export function signRequest(request: RequestToSign, options: SignOptions): Record<string, string> {
  const { credentials, region, service, keys, nowMs } = options;
  const amzDate = formatAmzDate(nowMs);
  const scope = { date: amzDate.slice(0, 8), region, service };
  const headers: Record<string, string> = { host: new URL(request.origin).host };
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  const payloadHash = payloadHashOf(request);
  headers['x-amz-date'] = amzDate;
  headers['x-amz-content-sha256'] = payloadHash;
  if (credentials.sessionToken !== undefined) headers['x-amz-security-token'] = credentials.sessionToken;

  const signed = Object.keys(headers).filter(mayBeSigned).toSorted();
  const canonical = canonicalRequest({
    method: request.method,
    target: request.target,
    pathEncoding: options.pathEncoding ?? 'double',
    headers: signed.map((name) => [name, canonicalHeaderValue(headers[name]!)] as const),
    payloadHash,
  });
  const key = keys.take(credentials.accessKeyId, credentials.secretAccessKey, scope);
  headers['authorization'] =
    `${ALGORITHM} Credential=${credentials.accessKeyId}/${scopeText(scope)}, ` +
    `SignedHeaders=${signed.join(';')}, Signature=${signature(key, amzDate, scope, canonical).toString('hex')}`;
  return headers;
}

function payloadHashOf({ body, origin }: RequestToSign): string {
  if (body !== 'unsigned') return hashBody(body ?? []);
  if (!origin.startsWith('https:'))
    throw new MillraceError('CONFIG_INVALID', 'a body that is not signed may only be sent over https', {
      place: origin,
    });
  return UNSIGNED_PAYLOAD;
}

function mayBeSigned(name: string): boolean {
  return !NOT_SIGNED.has(name) && !name.startsWith('proxy-') && !name.startsWith('sec-');
}
