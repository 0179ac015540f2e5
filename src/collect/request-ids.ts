/**
 * Ids for events that bring none, made from the request that brings them.
 *
 * Source: the request's own id, where a protocol has one that stays the same when the request is sent
 * again (`amz-sdk-invocation-id`, `X-Amz-Firehose-Request-Id`). So a retry whose first answer was lost has
 * the same ids, and counts once.
 *
 * ```
 * 16 bytes of SHA-256(request id), as a UUID of version 8 | the last four bytes XOR the event's position
 * ```
 */
import { createHash } from 'node:crypto';
import { uuidText, uuidTexts } from '../event/uuid.js';

/** The ids of one request. */
export class RequestIds {
  readonly #base: Uint8Array;
  readonly #first: number;

  private constructor(base: Uint8Array, first: number) {
    this.#base = base;
    this.#first = first;
  }

  /** The ids of a request that is told from others by these texts. */
  static of(...request: readonly string[]): RequestIds {
    const hash = createHash('sha256');
    for (const part of request) hash.update(`${Buffer.byteLength(part)}:${part}`);
    const base = new Uint8Array(hash.digest().subarray(0, 16));
    base[6] = (base[6]! & 0x0f) | 0x80;
    base[8] = (base[8]! & 0x3f) | 0x80;
    return new RequestIds(base, 0);
  }

  /** The same request's from its event `first` on, for a part of it. */
  from(first: number): RequestIds {
    return new RequestIds(this.#base, this.#first + first);
  }

  /** The id of the event at `index`, from 0, as 16 bytes. */
  bytesOf(index: number): Uint8Array {
    const bytes = this.#base.slice();
    for (let at = 0; at < 4; at++) bytes[15 - at]! ^= ((this.#first + index) >>> (at * 8)) & 0xff;
    return bytes;
  }

  /** The same as the text of a UUID. */
  textOf(index: number): string {
    return uuidText(this.bytesOf(index), 0);
  }

  /** The texts of the first `count` ids. */
  texts(count: number): string[] {
    const bytes = new Uint8Array(count * 16);
    for (let index = 0; index < count; index++) bytes.set(this.bytesOf(index), index * 16);
    return uuidTexts(bytes, count);
  }
}
