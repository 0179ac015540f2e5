/**
 * Verifies incoming requests that are signed with AWS Signature Version 4; the twin of `sign.ts`.
 *
 * Purpose. Unmodified AWS clients may send to this process: who signed, and that method, path, query,
 * signed headers and body are what was signed. Signatures in the query (presigned addresses) and
 * unsigned or chunk-signed bodies are refused: nothing here needs them.
 *
 * Limits. A signature is good for `SKEW_MS` before and after its date; within that time a request that
 * was overheard can be sent again, which the deduplication of events makes harmless.
 *
 * Invariants. Signatures are compared in constant time. An unknown key id costs what a known one costs
 * that was not used before. No message has a secret or a signature.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { parseAuthorization, type Authorization } from './authorization.js';
import {
  canonicalHeaderValue,
  canonicalRequest,
  formatAmzDate,
  hashBody,
  signature,
  TERMINATOR,
  type Body,
  type Headers,
  type PathEncoding,
} from './canonical.js';
import { failed, type VerifyFailure } from './failure.js';
import { deriveSigningKey, type SigningKeyCache } from './signing-key.js';

/** A request that came in. */
export interface RequestToVerify {
  readonly method: string;
  /** Path and query as they were on the wire (`request.url`). */
  readonly target: string;
  /** Names in lower case. Take `request.headersDistinct`: `request.headers` joins repeated ones differently. */
  readonly headers: Headers;
  /** The body's bytes as they were on the wire, before any decompression. */
  readonly body: Body;
}

/** What to verify against. */
export interface VerifyOptions {
  /** The secret of a key id, or undefined when there is no such key. */
  readonly secretOf: (accessKeyId: string) => string | undefined;
  readonly service: string;
  /** Left out: any region, since a client needs to name one and there is only this place. */
  readonly region?: string;
  /** Default `double`; S3 wants `single`. */
  readonly pathEncoding?: PathEncoding;
  readonly keys: SigningKeyCache;
  readonly nowMs: number;
}

/** Who signed. */
export interface Verified {
  readonly ok: true;
  readonly accessKeyId: string;
  readonly region: string;
}

/** How far the date of a signature may be from now: 15 minutes. */
export const SKEW_MS = 15 * 60_000;

/** Headers that change what a request does: when they are there, they must be signed. */
const SIGNED_IF_PRESENT = ['x-amz-target', 'x-amz-content-sha256', 'x-amz-security-token'] as const;

/** Derived from when the key id is unknown, so that finding out takes as long. */
const DECOY_SECRET = randomBytes(30).toString('base64');

/** Who signed the request, or why it is refused. Never throws. */
export function verifyRequest(request: RequestToVerify, options: VerifyOptions): Verified | VerifyFailure {
  const value = single(headerOf(request.headers, 'authorization'));
  if (value === undefined) return failed('missing', 'Missing Authentication Token');
  const authorization = parseAuthorization(value);
  if ('ok' in authorization) return authorization;
  const amzDate = single(headerOf(request.headers, 'x-amz-date'));
  const refused =
    checkSignedHeaders(authorization, request.headers) ??
    checkDate(amzDate, options.nowMs) ??
    checkScope(authorization, amzDate!, options);
  if (refused !== undefined) return refused;

  const { accessKeyId, scope } = authorization;
  const payloadHash = hashBody(request.body);
  const canonical = canonicalRequest({
    method: request.method,
    target: request.target,
    pathEncoding: options.pathEncoding ?? 'double',
    headers: authorization.signedHeaders.map(
      (name) => [name, canonicalHeaderValue(headerOf(request.headers, name) ?? '')] as const,
    ),
    payloadHash,
  });
  const known = options.secretOf(accessKeyId);
  const secret = known ?? DECOY_SECRET;
  const kept = options.keys.find(accessKeyId, secret, scope);
  const key = kept ?? deriveSigningKey(secret, scope);
  const right = timingSafeEqual(signature(key, amzDate!, scope, canonical), authorization.signature);
  if (known === undefined) return failed('unknownKey', 'The security token included in the request is invalid.');
  const stated = headerOf(request.headers, 'x-amz-content-sha256');
  if (!right || (stated !== undefined && single(stated) !== payloadHash)) return failed('mismatch', MISMATCH);
  if (kept === undefined) options.keys.keep(accessKeyId, secret, scope, key);
  return { ok: true, accessKeyId, region: scope.region };
}

const MISMATCH =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key ' +
  'and signing method. Consult the service documentation for details.';

/** What is signed must be there, and what matters must be signed. */
function checkSignedHeaders({ signedHeaders }: Authorization, headers: Headers): VerifyFailure | undefined {
  if (headerOf(headers, 'x-amz-date') === undefined)
    return failed('incomplete', "Authorization header requires existence of a 'X-Amz-Date' header.");
  const present = SIGNED_IF_PRESENT.filter((name) => headerOf(headers, name) !== undefined);
  const unsigned = ['host', 'x-amz-date', ...present].find((name) => !signedHeaders.includes(name));
  if (unsigned !== undefined)
    return failed('mismatch', `'${unsigned}' must be a 'SignedHeader' in the AWS Authorization.`);
  return signedHeaders.every((name) => headerOf(headers, name) !== undefined)
    ? undefined
    : failed('mismatch', MISMATCH);
}

function checkDate(amzDate: string | undefined, nowMs: number): VerifyFailure | undefined {
  const timeMs = amzDate === undefined ? Number.NaN : parseAmzDate(amzDate);
  if (amzDate === undefined || Number.isNaN(timeMs))
    return failed('incomplete', "Date must be in ISO-8601 'basic format', such as 20150830T123600Z.");
  const now = formatAmzDate(nowMs);
  if (timeMs < nowMs - SKEW_MS) {
    const earliest = formatAmzDate(nowMs - SKEW_MS);
    return failed('expired', `Signature expired: ${amzDate} is now earlier than ${earliest} (${now} - 15 min.)`);
  }
  if (timeMs > nowMs + SKEW_MS) {
    const latest = formatAmzDate(nowMs + SKEW_MS);
    return failed('expired', `Signature not yet current: ${amzDate} is still later than ${latest} (${now} + 15 min.)`);
  }
  return undefined;
}

function checkScope(
  { scope, terminator }: Authorization,
  amzDate: string,
  { service, region }: VerifyOptions,
): VerifyFailure | undefined {
  if (scope.date !== amzDate.slice(0, 8))
    return failed(
      'mismatch',
      'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.',
    );
  if (region !== undefined && scope.region !== region)
    return failed('mismatch', `Credential should be scoped to a valid region, such as '${region}'.`);
  if (scope.service !== service)
    return failed('mismatch', `Credential should be scoped to correct service: '${service}'.`);
  if (terminator !== TERMINATOR)
    return failed('mismatch', `Credential should be scoped with a valid terminator: '${TERMINATOR}'.`);
  return undefined;
}

/** Ms since 1970 of `20150830T123600Z`; NaN when it is no such date. */
function parseAmzDate(text: string): number {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return Number.NaN;
  const [, year, month, day, hour, minute, second] = match;
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

/** A client names the headers, so `constructor` must not find what every object has. */
function headerOf(headers: Headers, name: string): string | readonly string[] | undefined {
  return Object.hasOwn(headers, name) ? headers[name] : undefined;
}

/** The value of a header that may be there once; undefined when it is not there, or several times. */
function single(value: string | readonly string[] | undefined): string | undefined {
  if (typeof value === 'string' || value === undefined) return value;
  return value.length === 1 ? value[0] : undefined;
}
