/** Puts a large object in parts. */
import {
  bodyBytes,
  piecesOf,
  type ObjectBody,
  type ObjectStore,
  type PutOptions,
  type PutResult,
  type UploadedPart,
} from '../objects.js';

/** S3's least, for all parts but the last. */
export const PART_BYTES_MIN = 5 * 1024 * 1024;
/** S3's most. */
const PARTS_MAX = 10_000;

/** How to divide. */
export interface PartLimits {
  readonly partBytes: number;
  /** Parts under way at once. */
  readonly partsAtOnce: number;
}

/**
 * Uploads the parts, completes, and aborts when either fails. That the abort may fail too is not told:
 * the error that counts is the first, and `listMultiparts` finds what is left.
 */
export async function putInParts(
  store: ObjectStore,
  key: string,
  body: ObjectBody,
  options: PutOptions,
  { partBytes, partsAtOnce }: PartLimits,
): Promise<PutResult> {
  const bodies = divide(body, Math.max(partBytes, Math.ceil(bodyBytes(body) / PARTS_MAX)));
  const upload = await store.createMultipart(key, options);
  const failing = new AbortController();
  const signal = options.signal === undefined ? failing.signal : AbortSignal.any([options.signal, failing.signal]);
  const done: UploadedPart[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < bodies.length) {
      const index = next++;
      done[index] = await store.uploadPart(upload, index + 1, bodies[index]!, { signal });
    }
  };
  try {
    const workers = Array.from({ length: Math.min(partsAtOnce, bodies.length) }, () =>
      work().catch((error: unknown) => {
        failing.abort(error);
        throw error;
      }),
    );
    // All have ended before the upload is aborted, so that no part comes after.
    await Promise.allSettled(workers);
    await Promise.all(workers);
    return await store.completeMultipart(upload, done, options);
  } catch (error) {
    await store.abortMultipart(upload).catch(() => undefined); // see above
    throw failing.signal.aborted ? failing.signal.reason : error;
  }
}

/** Bodies of `size` bytes, the last of what is left; nothing is copied. */
function divide(body: ObjectBody, size: number): Uint8Array[][] {
  const bodies: Uint8Array[][] = [[]];
  let room = size;
  for (const piece of piecesOf(body))
    for (let at = 0; at < piece.length;) {
      if (room === 0) {
        bodies.push([]);
        room = size;
      }
      const taken = piece.subarray(at, at + room);
      bodies.at(-1)!.push(taken);
      at += taken.length;
      room -= taken.length;
    }
  return bodies;
}
