/**
 * Where a bucket is.
 *
 * ```
 * virtual-hosted  https://<bucket>.s3.<region>.amazonaws.com/<key>
 * path style      https://s3.<region>.amazonaws.com/<bucket>/<key>
 * ```
 */
import { MillraceError } from '../../util/errors.js';
import { percentEncode } from '../sigv4/canonical.js';

/** A bucket, as it is configured. */
export interface BucketInput {
  readonly bucket: string;
  readonly region: string;
  /** Of an S3 that is not Amazon's, such as `http://127.0.0.1:9000`. */
  readonly endpoint?: string;
  /** Default: only with an `endpoint`, and for buckets with a dot, which no certificate is good for. */
  readonly pathStyle?: boolean;
}

/** Where to send, and the path of a key there. */
export interface BucketAddress {
  readonly origin: string;
  /** Percent-encoded; without a key that of the bucket. */
  pathOf(key?: string): string;
}

const BUCKET = /^[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]$/;
const REGION = /^[A-Za-z0-9_-]{1,63}$/;

/** Throws CONFIG_INVALID when it can't be a bucket. */
export function addressOf({ bucket, region, endpoint, pathStyle }: BucketInput): BucketAddress {
  if (!BUCKET.test(bucket) || bucket.includes('..'))
    throw refuse('expected a name of a bucket: 3 to 63 of a-z 0-9 . -', bucket);
  if (!REGION.test(region)) throw refuse('expected a region such as eu-west-1', region);
  const base = endpoint === undefined ? new URL(amazon(region)) : parseEndpoint(endpoint);
  const inPath = pathStyle ?? (endpoint !== undefined || bucket.includes('.'));
  if (inPath)
    return { origin: base.origin, pathOf: (key) => `/${bucket}${key === undefined ? '' : `/${keyPath(key)}`}` };
  return {
    origin: `${base.protocol}//${bucket}.${base.host}`,
    pathOf: (key) => (key === undefined ? '/' : `/${keyPath(key)}`),
  };
}

function amazon(region: string): string {
  return `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

function parseEndpoint(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== '/' ||
    `${url.username}${url.password}${url.search}${url.hash}` !== ''
  )
    throw refuse('expected an endpoint such as https://s3.example.com, without a path', url?.host ?? 'endpoint');
  return url;
}

function keyPath(key: string): string {
  return key.split('/').map(percentEncode).join('/');
}

function refuse(message: string, place: string): MillraceError {
  return new MillraceError('CONFIG_INVALID', message, { place: place.slice(0, 100) });
}
