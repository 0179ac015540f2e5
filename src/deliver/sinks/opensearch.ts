/**
 * `opensearch`: each row a document of OpenSearch or Elasticsearch, by the bulk API.
 *
 * Guarantee: exactly once by `_id`. A document's `_id` is made from the row (`opensearch/document-ids.ts`)
 * and its index from the time when the log took it (`opensearch/rotation.ts`), both the same at every
 * attempt, after a restart, a replay or a redrive: what is sent again puts the same document over itself.
 * It holds as long as the index is there, and for what the cluster keeps: an acknowledged document
 * survives a crash of its node with `index.translog.durability: request`, which is the default.
 * Two events with one id are two documents when they came on both sides of a rotation; the front door
 * counts a resend once before that, for as long as `collect.dedupeWindow`.
 *
 * Each item of an answer decides over its own row (`opensearch/answer.ts`). Whole requests:
 *
 * | answer | means |
 * |---|---|
 * | 413 | too large: halves, down to the row |
 * | 400 that speaks of the content | halves, down to the row at fault |
 * | 429, 5xx | come again, when `Retry-After` says or after the back-off |
 * | any other, 401 and 403 too; an answer that has not one item a row | come again: the operator must act, nothing is lost |
 *
 * A pipeline that drops a document on purpose is answered 200: such a row counts as delivered.
 *
 * Limits: `requestsMax` requests at once, each of `requestRowsMax` rows and `requestSizeMax` bytes
 * before compression; see `opensearch/nodes.ts` for the rest.
 */
import type { SinkOptionsOf } from '../../config/sinks/index.js';
import { holdsRecords } from '../../event/records.js';
import type { Schema } from '../../event/schema.js';
import { compressorOf } from '../../format/compress.js';
import { divide, jsonLines, type RowEncoder } from '../encoded.js';
import { retryAfterMs } from '../http.js';
import { rawDocuments } from '../raw-records.js';
import type { CutRows } from '../rows.js';
import { ComeAgain, Refused, type Sink, type SinkContext, type SinkRequest } from '../sink.js';
import type { Receipt } from '../receipt.js';
import { ANSWER_FILTER, isAllCreated, itemText, mark, readItems, ROW_ATTEMPTS_MAX } from './opensearch/answer.js';
import { ACTION_BYTES, BulkBodies } from './opensearch/bulk-body.js';
import { answerText, Nodes, type NodeAnswer } from './opensearch/nodes.js';
import { IndexNames } from './opensearch/rotation.js';
import { setUp } from './opensearch/set-up.js';

/** Documents by the bulk API. */
export function createOpensearchSink(options: SinkOptionsOf<'opensearch'>, context: SinkContext): Sink {
  return new OpensearchSink(options, context);
}

class OpensearchSink implements Sink {
  readonly requestsMax: number;
  readonly #options: SinkOptionsOf<'opensearch'>;
  readonly #context: SinkContext;
  readonly #compressor;
  readonly #path: string;
  readonly #names: IndexNames;
  #nodes: Nodes | null = null;

  constructor(options: SinkOptionsOf<'opensearch'>, context: SinkContext) {
    this.requestsMax = context.requestsMax;
    this.#options = options;
    this.#context = context;
    this.#compressor = compressorOf(options.compression, FAST);
    this.#names = new IndexNames(options.index, options.rotation);
    // The cluster gives up waiting for a shard before we do, and says which.
    const query = new URLSearchParams({ timeout: `${Math.ceil(options.timeout / 2)}ms` });
    if (options.pipeline !== undefined) query.set('pipeline', options.pipeline);
    this.#path = `/_bulk?${query.toString()}&filter_path=${ANSWER_FILTER}`;
  }

  async open(signal: AbortSignal): Promise<void> {
    const { schema, clock } = this.#context;
    await this.#nodes?.close();
    this.#nodes = new Nodes(this.#options, this.#context);
    if (!this.#options.setUp) return;
    await setUp({ options: this.#options, schema, nodes: this.#nodes, nowMs: clock.now() }, signal);
  }

  requests(rows: CutRows): readonly CutRows[] {
    const { requestRowsMax, requestSizeMax } = this.#options;
    return divide(documents(rows.schema), rows, {
      rowsMax: requestRowsMax,
      bytesMax: requestSizeMax,
      rowBytes: ACTION_BYTES,
    });
  }

  async send(request: SinkRequest, receipt: Receipt, signal: AbortSignal): Promise<void> {
    const { rows, cut } = request;
    const bodies = new BulkBodies(documents(rows.schema), this.#names, this.#options.documentId);
    const body = await this.#compressor.compress(bodies.body(rows));
    const { contentEncoding } = this.#compressor;
    const headers = {
      'content-type': 'application/x-ndjson',
      'x-opaque-id': `millrace.${cut.delivery}${cut.replay === null ? '' : `.replay.${cut.replay}`}`,
      ...(contentEncoding === undefined ? {} : { 'content-encoding': contentEncoding }),
    };
    const answer = await this.#nodes!.send({ method: 'POST', path: this.#path, body, headers }, signal);
    receipt.bytes += body.length;
    this.#take(request, receipt, answer);
  }

  async close(): Promise<void> {
    await this.#nodes?.close();
    this.#nodes = null;
  }

  /** Marks the rows as the answer says; throws where it says nothing of them. */
  #take({ rows, attempt, isRest }: SinkRequest, receipt: Receipt, answer: NodeAnswer): void {
    if (answer.status !== 200) throw failureOf(answer, this.#context.clock.now());
    // Too long an answer is one of too many rows.
    if (answer.isCut) throw new Refused(`${answer.place}: the answer is too long`, { divisible: true });
    if (isAllCreated(answer.text, rows.count)) return receipt.takeAll();
    const items = readItems(answer.text, rows.count);
    if (items === null)
      throw new ComeAgain(`${answerText(answer)}, which does not have one item for each of ${rows.count} rows`, null);
    const isRowsFault = isRest && attempt + 1 >= ROW_ATTEMPTS_MAX;
    const { away, busy, done } = mark(items, receipt, isRowsFault);
    // What the back-off and the breaker shall see: nobody gets in.
    const again = away ?? (done === 0 ? busy : null);
    if (again !== null)
      throw new ComeAgain(`${answer.place}: ${itemText(again)} (${rows.count - done} of ${rows.count} rows)`, null);
  }
}

/** A row as a document; a raw record is one itself. */
function documents(schema: Schema): RowEncoder {
  return holdsRecords(schema) ? rawDocuments : jsonLines(schema);
}

/** Gzip for the way, not for keeping. */
const FAST = 1;

/** Types of a 400 that speak of what was sent, and so of a row. */
const CONTENT_TYPES = /"type":"(?:action_request_validation_exception|[a-z_]*pars(?:e|ing)_exception)"/;

function failureOf(answer: NodeAnswer, nowMs: number): Error {
  const message = answerText(answer);
  if (answer.status === 413 || (answer.status === 400 && CONTENT_TYPES.test(answer.text)))
    return new Refused(message, { divisible: true });
  if (answer.status === 401 || answer.status === 403)
    return new ComeAgain(`${message}; the rows wait until auth is mended`, null);
  return new ComeAgain(message, retryAfterMs(answer.header('retry-after'), nowMs));
}
