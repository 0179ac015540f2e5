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
import { uuidText } from '../event/uuid.js';

/** The ids of one request. */
export class RequestIds {
  readonly #base: Uint8Array;

  constructor(...request: readonly string[]) {
    const hash = createHash('sha256');
    for (const part of request) hash.update(`${Buffer.byteLength(part)}:${part}`);
    this.#base = new Uint8Array(hash.digest().subarray(0, 16));
    this.#base[6] = (this.#base[6]! & 0x0f) | 0x80;
    this.#base[8] = (this.#base[8]! & 0x3f) | 0x80;
  }

  /** The id of the event at `index`, from 0, as 16 bytes. */
  bytesOf(index: number): Uint8Array {
    const bytes = this.#base.slice();
    for (let at = 0; at < 4; at++) bytes[15 - at]! ^= (index >>> (at * 8)) & 0xff;
    return bytes;
  }

  /** The same as the text of a UUID. */
  textOf(index: number): string {
    return uuidText(this.bytesOf(index), 0);
  }
}
