/**
 * PutRecord and PutRecordBatch.
 *
 * A record of a stream with a schema is one event as JSON, judged like any other; a record of a raw
 * stream is bytes. What the answer means:
 *
 * | answer | the record |
 * |---|---|
 * | `RecordId` | is on disk: stored, stored before, or in the quarantine with all its bytes |
 * | `ErrorCode` | is not: the quarantine is full or can't keep it; the others of the batch are not touched |
 * | an error of the call | nothing of the call was taken; ServiceUnavailableException may be sent again |
 *
 * `RecordId` is the event's id. A record without one gets an id that the SDK's retries of the call share
 * (`request-ids.ts`), so that a retry counts once. One commit takes the whole batch.
 */
import { MillraceError } from '../../../util/errors.js';
import { headerOf } from '../../http/request.js';
import type { Ingest } from '../../ingest.js';
import { RequestIds } from '../../request-ids.js';
import { randomUuid } from '../../tracking/visitor.js';
import { blobLength } from './blobs.js';
import { unknownStream } from './admin.js';
import type { Call } from './call.js';
import {
  constraint,
  isStructure,
  listIn,
  malformed,
  onlyMembers,
  required,
  streamNameIn,
  structureIn,
  textIn,
  type Structure,
} from './input.js';
import { takeRecords } from './records.js';

/** Most bytes of one record: 1,000 KiB. */
const RECORD_BYTES_MAX = 1_024_000;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
const BATCH_RECORDS_MAX = 500;

/** One record. */
export async function putRecord(call: Call): Promise<object> {
  onlyMembers(call.input, ['DeliveryStreamName', 'Record'], '');
  const ingest = ingestOf(call);
  const record = required(structureIn(call.input, 'Record', ''), 'Record');
  const { ids, failed } = await put(call, ingest, [dataOf(record, 'Record')]);
  const [failure] = failed;
  if (failure === undefined) return { RecordId: ids[0], Encrypted: false };
  if (failure.retryable) throw new MillraceError('RATE_LIMITED', failure.message);
  throw new MillraceError('ARGUMENT_INVALID', failure.message, { place: 'Record.Data' });
}

/** Up to 500 records; each has a result, in their order. */
export async function putRecordBatch(call: Call): Promise<object> {
  onlyMembers(call.input, ['DeliveryStreamName', 'Records'], '');
  const ingest = ingestOf(call);
  const records = required(listIn(call.input, 'Records', '', { min: 1, max: BATCH_RECORDS_MAX }), 'Records');
  const texts = records.map((record, index) => {
    const path = `Records.${index + 1}.member`;
    if (!isStructure(record)) throw malformed(`${path}: expected an object`);
    return dataOf(record, path);
  });
  let bytes = 0;
  for (const text of texts) bytes += blobLength(text);
  if (bytes > BATCH_BYTES_MAX)
    throw new MillraceError('ARGUMENT_INVALID', 'Records size exceeds 4 MB limit', { place: 'Records' });
  const { ids, failed } = await put(call, ingest, texts);
  const responses: object[] = ids.map((id) => ({ RecordId: id }));
  for (const failure of failed)
    responses[failure.index] = {
      ErrorCode: failure.retryable ? 'ServiceUnavailableException' : 'InternalFailure',
      ErrorMessage: failure.message,
    };
  return { FailedPutCount: failed.length, Encrypted: false, RequestResponses: responses };
}

/** The stream of a put. Throws STREAM_UNKNOWN. */
function ingestOf({ input, doors, account }: Call): Ingest {
  const name = streamNameIn(input);
  return doors.get(name) ?? unknownStream(name, account);
}

function dataOf(record: Structure, path: string): string {
  onlyMembers(record, ['Data'], path);
  const text = required(textIn(record, 'Data', path), 'Data', path);
  if (blobLength(text) > RECORD_BYTES_MAX)
    throw constraint(`${path}.Data`, `Member must have length less than or equal to ${RECORD_BYTES_MAX}`);
  return text;
}

function put({ services, budget, request, principal }: Call, ingest: Ingest, texts: readonly string[]) {
  const invocation = headerOf(request, 'amz-sdk-invocation-id', 256) ?? randomUuid(services.random);
  return takeRecords({
    ingest,
    tenant: principal.tenant,
    texts,
    ids: RequestIds.of('firehose', invocation),
    recordBytesMax: RECORD_BYTES_MAX,
    budget,
  });
}
