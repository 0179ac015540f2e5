/** Records in base64 into one stream: as events where it has a schema, as they are where it holds raw records. */
import { EVERY_TENANT } from '../../../config/tenants.js';
import { isRecordsSchema } from '../../../event/records.js';
import { BufferPool } from '../../../util/buffer-pool.js';
import { MillraceError } from '../../../util/errors.js';
import type { Budget } from '../../http/body.js';
import type { FailedFrame, Ingest } from '../../ingest.js';
import type { RequestIds } from '../../request-ids.js';
import { blobBytesMax, decodeBlobs, type Blobs } from './blobs.js';

/** What is to be taken. */
export interface TakenRecords {
  readonly ingest: Ingest;
  /** `*`: as each event says. */
  readonly tenant: string;
  /** Base64. */
  readonly texts: readonly string[];
  /** For records that bring no id. */
  readonly ids: RequestIds;
  /** Most bytes of an event. */
  readonly recordBytesMax: number;
  readonly budget: Budget;
}

/** What became of it. */
export interface TakenResult {
  /** By position. */
  readonly ids: readonly string[];
  /** Records that are neither stored nor in the quarantine with all their bytes. */
  readonly failed: readonly FailedFrame[];
}

const pool = new BufferPool();

/** Takes records in one commit; resolves after the sync. Throws BODY_MALFORMED, KEY_FORBIDDEN, or why the log does not take them. */
export async function takeRecords(taken: TakenRecords): Promise<TakenResult> {
  const { ingest, texts, budget } = taken;
  const raw = isRecordsSchema(ingest.definition.schema);
  const needed = blobBytesMax(texts);
  budget.take(needed);
  const buffer = pool.take(needed);
  try {
    const blobs = decodeBlobs(texts, new Uint8Array(buffer, 0, needed), !raw);
    return await (raw ? takeRaw(taken, blobs) : takeEvents(taken, blobs));
  } finally {
    pool.give(buffer);
    budget.give(needed);
  }
}

async function takeRaw({ ingest, tenant, texts, ids }: TakenRecords, blobs: Blobs): Promise<TakenResult> {
  if (tenant === EVERY_TENANT)
    throw new MillraceError(
      'KEY_FORBIDDEN',
      `records of '${ingest.definition.name}' are bytes, which can't say whose they are: put them with a tenant's key`,
      { place: 'key' },
    );
  const names = ids.texts(texts.length);
  await ingest.takeRaw(blobs, names, tenant);
  return { ids: names, failed: [] };
}

async function takeEvents(
  { ingest, tenant, texts, ids, recordBytesMax }: TakenRecords,
  { bytes }: Blobs,
): Promise<TakenResult> {
  const outcome = await ingest.takeFramed(
    {
      body: bytes,
      originalOf: (index) => Buffer.from(texts[index]!, 'base64'),
      ids,
      eventBytesMax: recordBytesMax,
    },
    tenant,
  );
  return { ids: texts.map((_, index) => outcome.ids[index] ?? ids.textOf(index)), failed: outcome.failed };
}
