/**
 * The contract of Amazon Data Firehose with a Lambda function: what an invocation says, and what its
 * answer must say: each record once, by its id, as `Ok` with data, `Dropped` or `ProcessingFailed`.
 */
import { MillraceError } from '../../util/errors.js';

/** Most bytes of an invocation, and of its answer, as JSON: Lambda's own limit. */
export const PAYLOAD_BYTES_MAX = 6 * 1024 * 1024;

/** A record on its way to a function. */
export interface LambdaRecord {
  readonly data: Uint8Array;
  /** When the log took the event, ms. */
  readonly arrivalMs: number;
}

/** What a function made of a record. */
export type RecordResult =
  | { readonly result: 'Ok'; readonly data: Buffer; readonly partitionKeys: Readonly<Record<string, unknown>> | null }
  | { readonly result: 'Dropped' }
  | { readonly result: 'ProcessingFailed' };

/** Bytes that a record takes in an invocation, about. */
export function payloadBytes({ data }: LambdaRecord): number {
  return Math.ceil(data.length / 3) * 4 + 128;
}

/** Ids of `count` records, unlike each other in an invocation. */
export function recordIds(invocationId: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${invocationId}.${i}`);
}

/** An invocation, as JSON. */
export function invocation(
  head: { readonly invocationId: string; readonly arn: string; readonly region: string },
  ids: readonly string[],
  records: readonly LambdaRecord[],
): string {
  return JSON.stringify({
    invocationId: head.invocationId,
    deliveryStreamArn: head.arn,
    region: head.region,
    records: records.map(({ data, arrivalMs }, i) => ({
      recordId: ids[i],
      approximateArrivalTimestamp: arrivalMs,
      data: Buffer.from(data.buffer, data.byteOffset, data.length).toString('base64'),
    })),
  });
}

/** What an answer says of each record, in the order of `ids`. Throws TRANSFORM_ANSWER, which names the id, or TRANSFORM_FAILED. */
export function readAnswer(text: string, ids: readonly string[]): RecordResult[] {
  const answer = parse(text);
  if (typeof answer !== 'object' || answer === null)
    throw wrong(`the answer is ${shown(answer)}; expected { records }`);
  const { records, errorMessage, errorType } = answer as Record<string, unknown>;
  if (typeof errorMessage === 'string' && records === undefined)
    throw new MillraceError(
      'TRANSFORM_FAILED',
      `the function failed: ${typeof errorType === 'string' ? `${errorType}: ` : ''}${errorMessage.slice(0, 400)}`,
    );
  if (!Array.isArray(records)) throw wrong(`records is ${shown(records)}; expected a list`);
  const places = new Map(ids.map((id, i) => [id, i]));
  const results = new Array<RecordResult | undefined>(ids.length);
  for (const record of records as unknown[]) {
    const id = (record as { recordId?: unknown } | null)?.recordId;
    if (typeof id !== 'string') throw wrong(`a record has the id ${shown(id)}; expected a text`);
    const place = places.get(id);
    if (place === undefined) throw wrong(`the record '${id.slice(0, 200)}' was not in the invocation`);
    if (results[place] !== undefined) throw wrong(`the record '${id}' came twice`);
    results[place] = readRecord(id, record as Record<string, unknown>);
  }
  const missing = ids.filter((_, i) => results[i] === undefined);
  if (missing.length > 0)
    throw wrong(
      `the record '${missing[0]}'${missing.length > 1 ? ` and ${missing.length - 1} more` : ''} did not come back`,
    );
  return results as RecordResult[];
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw wrong(`the answer is not JSON: ${(error as Error).message}`);
  }
}

function readRecord(id: string, { result, data, metadata }: Record<string, unknown>): RecordResult {
  if (result === 'Dropped' || result === 'ProcessingFailed') return { result };
  if (result !== 'Ok')
    throw wrong(`the record '${id}' has the result ${shown(result)}; expected Ok, Dropped or ProcessingFailed`);
  if (typeof data !== 'string' || !isBase64(data)) throw wrong(`the record '${id}' has no data in base64`);
  const keys = (metadata as { partitionKeys?: unknown } | undefined)?.partitionKeys;
  if (keys !== undefined && (typeof keys !== 'object' || keys === null || Array.isArray(keys)))
    throw wrong(`the record '${id}' has the partition keys ${shown(keys)}; expected an object`);
  return {
    result,
    data: Buffer.from(data, 'base64'),
    partitionKeys: (keys as Record<string, unknown> | undefined) ?? null,
  };
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function wrong(message: string): MillraceError {
  return new MillraceError('TRANSFORM_ANSWER', message);
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
