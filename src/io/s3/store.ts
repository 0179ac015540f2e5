/**
 * An object store in an S3 bucket: Amazon's, or any server that speaks its API.
 *
 * Purpose. What the folder store is on one machine, at scale, behind the same interface.
 *
 * How a put is safe. The CRC-32C of every object and part goes along and is checked by the server. A put
 * over `partBytes` goes in parts, `partsAtOnce` at a time, and is not there before it is complete; when it
 * fails its parts are aborted. `ifNoneMatch` is S3's conditional write, also at the end of a put in parts.
 *
 * Recovery. A process that is killed leaves uploads in parts, which cost money and show in no list of
 * objects; `listMultiparts` finds them. An answer that was lost is asked for again: a put with
 * `ifNoneMatch` then finds its own object there, and completing an upload finds it gone, so the object
 * is looked at.
 */
import {
  bodyBytes,
  checkKey,
  type CallOptions,
  type ListedMultipart,
  type ListedObject,
  type MultipartUpload,
  type ObjectBody,
  type ObjectHeaders,
  type ObjectInfo,
  type ObjectStore,
  type OpenObject,
  type PutOptions,
  type PutResult,
  type UploadedPart,
} from '../objects.js';
import { MillraceError } from '../../util/errors.js';
import { percentEncode } from '../sigv4/canonical.js';
import { checksumOf, checksumText } from './checksum.js';
import { documentText, S3Client, text, type S3Answer, type S3ClientInput, type S3Request } from './client.js';
import {
  readCompleteMultipart,
  readCreateMultipart,
  readList,
  readListMultiparts,
  writeCompleteMultipart,
} from './documents.js';
import { S3Error, unavailable } from './errors.js';
import { putInParts, PART_BYTES_MIN } from './parts.js';

/** What the store is made with. */
export interface S3StoreInput extends S3ClientInput {
  /** Objects over this go in parts of this, at least 5 MiB. Default 16 MiB. */
  readonly partBytes?: number;
  /** Parts of one object under way at once. Default 4. */
  readonly partsAtOnce?: number;
}

/** Opens the store of a bucket. Sends nothing yet. Throws CONFIG_INVALID. */
export function openS3Store(input: S3StoreInput): ObjectStore {
  return new S3Store(input);
}

class S3Store implements ObjectStore {
  readonly name: string;
  readonly #client: S3Client;
  readonly #partBytes: number;
  readonly #partsAtOnce: number;

  constructor(input: S3StoreInput) {
    this.#client = new S3Client(input);
    this.#partBytes = Math.max(input.partBytes ?? 16 * 1024 * 1024, PART_BYTES_MIN);
    this.#partsAtOnce = Math.max(input.partsAtOnce ?? 4, 1);
    this.name = this.#client.name;
  }

  async put(key: string, body: ObjectBody, options: PutOptions): Promise<PutResult> {
    checkKey(key);
    if (bodyBytes(body) <= this.#partBytes) return this.#putWhole(key, body, options);
    // Saves the uploading; what decides is the completion.
    if (options.ifNoneMatch === true && (await this.#seen(key, options.signal)) !== undefined)
      return { etag: '', alreadyThere: true };
    return putInParts(this, key, body, options, { partBytes: this.#partBytes, partsAtOnce: this.#partsAtOnce });
  }

  async get(key: string, { signal }: CallOptions = {}): Promise<OpenObject | undefined> {
    checkKey(key);
    const request = { method: 'GET', key, signal } as const;
    return this.#unlessMissing(
      this.#client.send(request, async (answer) => ({
        info: infoOf(key, answer),
        body: this.#read(answer, request),
      })),
    );
  }

  async head(key: string, { signal }: CallOptions = {}): Promise<ObjectInfo | undefined> {
    checkKey(key);
    return this.#unlessMissing(
      this.#client.send({ method: 'HEAD', key, signal }, async (answer) => {
        await answer.body.dump();
        return infoOf(key, answer);
      }),
    );
  }

  async *list(prefix: string, { signal }: CallOptions = {}): AsyncIterable<ListedObject> {
    let next: string | undefined;
    do {
      const token = next === undefined ? '' : `&continuation-token=${percentEncode(next)}`;
      const query = `list-type=2&prefix=${percentEncode(prefix)}${token}`;
      const page = await this.#client.send({ method: 'GET', query, signal }, async (answer) =>
        readList(await documentText(answer)),
      );
      yield* page.items;
      next = page.next;
    } while (next !== undefined);
  }

  async delete(key: string, { signal }: CallOptions = {}): Promise<void> {
    checkKey(key);
    await this.#unlessMissing(this.#client.send({ method: 'DELETE', key, signal }, (answer) => answer.body.dump()));
  }

  async createMultipart(key: string, options: ObjectHeaders & CallOptions): Promise<MultipartUpload> {
    checkKey(key);
    const headers = { ...headersOf(options), 'x-amz-checksum-algorithm': 'CRC32C' };
    const request: S3Request = { method: 'POST', key, query: 'uploads=', headers, signal: options.signal };
    return this.#client.send(request, async (answer) => ({
      key,
      uploadId: readCreateMultipart(await documentText(answer)),
    }));
  }

  async uploadPart(
    { key, uploadId }: MultipartUpload,
    number: number,
    body: ObjectBody,
    { signal }: CallOptions = {},
  ): Promise<UploadedPart> {
    checkKey(key);
    const checksum = checksumOf(body);
    const query = `partNumber=${number}&uploadId=${percentEncode(uploadId)}`;
    const headers = { 'x-amz-checksum-crc32c': checksumText(checksum) };
    const etag = await this.#client.send({ method: 'PUT', key, query, headers, body, signal }, etagOf);
    return { number, etag, bytes: bodyBytes(body), checksum };
  }

  async completeMultipart(
    { key, uploadId }: MultipartUpload,
    parts: readonly UploadedPart[],
    { ifNoneMatch = false, signal }: CallOptions & Pick<PutOptions, 'ifNoneMatch'> = {},
  ): Promise<PutResult> {
    checkKey(key);
    const request: S3Request = {
      method: 'POST',
      key,
      query: `uploadId=${percentEncode(uploadId)}`,
      headers: { 'content-type': 'application/xml', ...conditionOf(ifNoneMatch) },
      body: writeCompleteMultipart(parts),
      signal,
    };
    const bytes = parts.reduce((sum, part) => sum + part.bytes, 0);
    try {
      const { etag, attempt } = await this.#client.send(request, async (answer, attempts) => {
        const result = readCompleteMultipart(await documentText(answer));
        if ('code' in result) throw new S3Error(500, result, this.#client.place(request));
        return { etag: result.etag, attempt: attempts };
      });
      if (attempt > 1) await this.#mustBe(key, bytes, signal);
      return { etag, alreadyThere: false };
    } catch (error) {
      if (ifNoneMatch && isPresent(error)) {
        await this.abortMultipart({ key, uploadId }, signal === undefined ? {} : { signal });
        return { etag: '', alreadyThere: true };
      }
      const done = isLost(error) ? await this.#seen(key, signal) : undefined;
      if (done?.bytes !== bytes) throw error;
      return { etag: done.etag, alreadyThere: false };
    }
  }

  async abortMultipart({ key, uploadId }: MultipartUpload, { signal }: CallOptions = {}): Promise<void> {
    checkKey(key);
    const query = `uploadId=${percentEncode(uploadId)}`;
    await this.#unlessMissing(
      this.#client.send({ method: 'DELETE', key, query, signal }, (answer) => answer.body.dump()),
    );
  }

  async *listMultiparts(prefix: string, { signal }: CallOptions = {}): AsyncIterable<ListedMultipart> {
    let next: MultipartUpload | undefined;
    do {
      const marker =
        next === undefined
          ? ''
          : `&key-marker=${percentEncode(next.key)}&upload-id-marker=${percentEncode(next.uploadId)}`;
      const query = `uploads=&prefix=${percentEncode(prefix)}${marker}`;
      const page = await this.#client.send({ method: 'GET', query, signal }, async (answer) =>
        readListMultiparts(await documentText(answer)),
      );
      yield* page.items;
      next = page.next;
    } while (next !== undefined);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #putWhole(key: string, body: ObjectBody, options: PutOptions): Promise<PutResult> {
    const headers = {
      ...headersOf(options),
      ...conditionOf(options.ifNoneMatch ?? false),
      'x-amz-checksum-crc32c': checksumText(checksumOf(body)),
    };
    const request: S3Request = { method: 'PUT', key, headers, body, signal: options.signal };
    try {
      return { etag: await this.#client.send(request, etagOf), alreadyThere: false };
    } catch (error) {
      if (options.ifNoneMatch === true && isPresent(error)) return { etag: '', alreadyThere: true };
      throw error;
    }
  }

  /**
   * A server that was killed while it completed an upload may say yes the second time without an object
   * (versitygw 1.7 does). So nothing is believed that was asked for twice.
   */
  async #mustBe(key: string, bytes: number, signal: AbortSignal | undefined): Promise<void> {
    const info = await this.#seen(key, signal);
    if (info?.bytes !== bytes)
      throw new MillraceError('STORE_UNAVAILABLE', 'S3 completed an upload, and there is no such object', {
        place: `${this.name}/${key}`,
      });
  }

  /** What `head` says, if we may ask: S3 answers 403 to whoever may write and not read. */
  async #seen(key: string, signal: AbortSignal | undefined): Promise<ObjectInfo | undefined> {
    try {
      return await this.head(key, signal === undefined ? {} : { signal });
    } catch (error) {
      if (error instanceof S3Error && error.httpStatus === 403) return undefined;
      throw error;
    }
  }

  async *#read(answer: S3Answer, request: S3Request): AsyncIterable<Uint8Array> {
    try {
      yield* answer.body as AsyncIterable<Uint8Array>;
    } catch (error) {
      request.signal?.throwIfAborted();
      throw unavailable(error, this.#client.place(request));
    }
  }

  /** Only the object or upload may be missing, not the bucket. A HEAD has no document that would tell. */
  async #unlessMissing<T>(sending: Promise<T>): Promise<T | undefined> {
    try {
      return await sending;
    } catch (error) {
      if (error instanceof S3Error && error.httpStatus === 404 && error.s3Code !== 'NoSuchBucket') return undefined;
      throw error;
    }
  }
}

/** Whether a conditional write was refused because the object is there. */
function isPresent(error: unknown): boolean {
  return error instanceof S3Error && error.httpStatus === 412;
}

/** Whether an upload is gone that an earlier attempt may have completed. */
function isLost(error: unknown): boolean {
  return error instanceof S3Error && error.s3Code === 'NoSuchUpload' && error.attempts > 1;
}

function headersOf({ contentType, contentEncoding }: ObjectHeaders): Record<string, string> {
  return {
    'content-type': contentType,
    ...(contentEncoding === undefined ? {} : { 'content-encoding': contentEncoding }),
  };
}

function conditionOf(ifNoneMatch: boolean): Record<string, string> {
  return ifNoneMatch ? { 'if-none-match': '*' } : {};
}

async function etagOf(answer: S3Answer): Promise<string> {
  await answer.body.dump();
  const etag = text(answer.headers['etag']);
  if (etag === undefined) throw new Error('an answer without an etag');
  return etag;
}

function infoOf(key: string, { headers }: S3Answer): ObjectInfo {
  const contentType = text(headers['content-type']);
  const contentEncoding = text(headers['content-encoding']);
  return {
    key,
    bytes: Number(text(headers['content-length']) ?? Number.NaN),
    etag: text(headers['etag']) ?? '',
    modifiedMs: Date.parse(text(headers['last-modified']) ?? ''),
    ...(contentType === undefined ? {} : { contentType }),
    ...(contentEncoding === undefined ? {} : { contentEncoding }),
  };
}
