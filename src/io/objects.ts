/**
 * The object store: named bytes that are there whole or not at all. A folder (`folder-objects.ts`) or
 * S3 (`s3/store.ts`); one conformance suite runs against both.
 *
 * Guarantees. When `put` or `completeMultipart` resolves, the object is durable. Before, a reader sees
 * the old object or none, never a part of the new one. A call that failed may have succeeded all the
 * same (the answer was lost): call it again with the same bytes.
 *
 * Errors are STORE_UNAVAILABLE (try again), STORE_REFUSED (until somebody mends it: no such bucket, no
 * permission) and STORE_KEY_INVALID (for good, for this key), or the reason of an aborted signal.
 */
import { MillraceError } from '../util/errors.js';

/** The bytes of an object or part: whole, or in pieces that belong together. */
export type ObjectBody = Uint8Array | readonly Uint8Array[];

/** What is stored beside the bytes. A folder keeps neither: there the name's ending has to say it. */
export interface ObjectHeaders {
  readonly contentType: string;
  readonly contentEncoding?: string;
}

/** How to put. */
export interface PutOptions extends ObjectHeaders {
  /** Leaves an object that is there as it is. Default false: it is replaced. */
  readonly ifNoneMatch?: boolean;
  readonly signal?: AbortSignal;
}

/** What became of a put. */
export interface PutResult {
  /** Changes whenever the object does. Empty when the object was there already. */
  readonly etag: string;
  /** With `ifNoneMatch`: the object was there. Perhaps by an earlier try of this call whose answer was lost. */
  readonly alreadyThere: boolean;
}

/** An object as a list has it. */
export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
  /** ms since 1970. */
  readonly modifiedMs: number;
}

/** An object as `head` and `get` have it. */
export interface ObjectInfo extends ListedObject {
  readonly contentType?: string;
  readonly contentEncoding?: string;
}

/** An object that is being read. */
export interface OpenObject {
  readonly info: ObjectInfo;
  /** Read it to its end, or leave the loop early; otherwise its connection or file stays open. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** An upload in parts that is not complete. */
export interface MultipartUpload {
  readonly key: string;
  readonly uploadId: string;
}

/** The same in a list. */
export interface ListedMultipart extends MultipartUpload {
  readonly startedMs: number;
}

/** A part that was uploaded. */
export interface UploadedPart {
  /** From 1. */
  readonly number: number;
  readonly etag: string;
  readonly bytes: number;
  /** CRC-32C. */
  readonly checksum: number;
}

/** For calls that only may be aborted. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** An object store. */
export interface ObjectStore {
  /** For people: `s3://bucket` or the folder. */
  readonly name: string;
  put(key: string, body: ObjectBody, options: PutOptions): Promise<PutResult>;
  /** Undefined when there is no such object. */
  get(key: string, options?: CallOptions): Promise<OpenObject | undefined>;
  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>;
  /** All objects whose key starts with `prefix`, in the order of their keys' UTF-8 bytes. */
  list(prefix: string, options?: CallOptions): AsyncIterable<ListedObject>;
  /** Deleting what is not there is fine. */
  delete(key: string, options?: CallOptions): Promise<void>;

  /** Starts an upload in parts. Whoever starts one completes or aborts it; `listMultiparts` finds what a killed process left. */
  createMultipart(key: string, options: ObjectHeaders & CallOptions): Promise<MultipartUpload>;
  /** All parts but the last have at least 5 MiB. The same number again replaces the part. */
  uploadPart(upload: MultipartUpload, number: number, body: ObjectBody, options?: CallOptions): Promise<UploadedPart>;
  /** Makes the object of these parts, in rising order of their numbers. */
  completeMultipart(
    upload: MultipartUpload,
    parts: readonly UploadedPart[],
    options?: CallOptions & Pick<PutOptions, 'ifNoneMatch'>,
  ): Promise<PutResult>;
  /** Aborting what is not there is fine. */
  abortMultipart(upload: MultipartUpload, options?: CallOptions): Promise<void>;
  listMultiparts(prefix: string, options?: CallOptions): AsyncIterable<ListedMultipart>;

  /** Waits for nothing: calls under way fail. */
  close(): Promise<void>;
}

/** Most bytes of a key, in UTF-8. */
export const KEY_BYTES_MAX = 1024;
/** Most bytes between two `/`: what file systems allow. */
const SEGMENT_BYTES_MAX = 255;
/** The folder store works here. */
export const RESERVED_SEGMENT = '.millrace-tmp';

/**
 * Refuses keys that not every store can hold: empty or over `KEY_BYTES_MAX`, with control characters,
 * backslashes or lone surrogates, with a segment that is empty, `.`, `..` or over 255 bytes. S3 would
 * take more; but then what works with a folder in tests could do something else in production.
 */
export function checkKey(key: string): void {
  const wrong = wrongWith(key);
  if (wrong !== undefined)
    throw new MillraceError('STORE_KEY_INVALID', `no object can have this key: it ${wrong}`, { place: shortKey(key) });
}

function wrongWith(key: string): string | undefined {
  if (key === '') return 'is empty';
  if (Buffer.byteLength(key) > KEY_BYTES_MAX) return `has over ${KEY_BYTES_MAX} bytes`;
  if (/[\p{Cc}\\]/u.test(key)) return 'has a control character or a backslash';
  if (/\p{Surrogate}/u.test(key)) return 'is not Unicode';
  const segments = key.split('/');
  if (segments.some((segment) => segment === '' || segment === '.' || segment === '..'))
    return "has a segment between slashes that is empty, '.' or '..'";
  if (segments.some((segment) => Buffer.byteLength(segment) > SEGMENT_BYTES_MAX))
    return `has over ${SEGMENT_BYTES_MAX} bytes between two slashes`;
  if (segments[0] === RESERVED_SEGMENT) return `starts with '${RESERVED_SEGMENT}'`;
  return undefined;
}

/** A key for messages: at most 200 characters, none that a terminal would act on. */
function shortKey(key: string): string {
  const text = JSON.stringify(key.length > 200 ? `${key.slice(0, 200)}…` : key);
  return text.slice(1, -1);
}

/** How many bytes a body has. */
export function bodyBytes(body: ObjectBody): number {
  return piecesOf(body).reduce((sum, { length }) => sum + length, 0);
}

/** The pieces of a body. */
export function piecesOf(body: ObjectBody): readonly Uint8Array[] {
  return body instanceof Uint8Array ? [body] : body;
}
