/**
 * `clickhouse`: rows of a table in ClickHouse, by its HTTP interface.
 *
 * Guarantee: exactly once for as long as the table remembers inserts. A request is one insert of one
 * block, with a deduplication token made from the request's id, which stays the same over retries and
 * restarts, and from its bytes. So the same rows sent again are known and dropped; and where a changed
 * setting or schema divides the rows of a cut in another way after a restart, a row can be there twice,
 * but none is dropped for what was sent under the same id before. Replicas remember the last
 * `replicated_deduplication_window` inserts for `replicated_deduplication_window_seconds`, other
 * MergeTrees the last `non_replicated_deduplication_window`, which is set up or asked for. What is no
 * MergeTree (Distributed, Buffer, …) passes rows on: there the guarantee is that of what is behind it.
 *
 * A row that ClickHouse refuses refuses its insert; it is found by halves and goes to the quarantine.
 * Everything else is tried again (`clickhouse/failure.ts`). The table is made to fit, or checked, at every
 * start and when it seems to have changed (`clickhouse/set-up.ts`).
 *
 * Limits: `requestsMax` requests at once, each of `requestRowsMax` rows and `requestSizeMax` bytes before
 * compression; `timeout` a request.
 */
import { createHash } from 'node:crypto';
import type { SinkOptionsOf } from '../../config/sinks/index.js';
import { compressorOf } from '../../format/compress.js';
import type { HttpAnswer, HttpClient } from '../../io/http-client.js';
import { divide, encodedBytes, jsonLines, type RowEncoder } from '../encoded.js';
import { httpClient, quoteOf, sendTo } from '../http.js';
import type { Receipt } from '../receipt.js';
import type { CutRows } from '../rows.js';
import { ComeAgain, type Sink, type SinkContext, type SinkRequest } from '../sink.js';
import { codeOf, failureOf, isTableChanged } from './clickhouse/failure.js';
import { setUpTable } from './clickhouse/set-up.js';
import { insertRows, planTable, tableName, type TablePlan } from './clickhouse/table.js';

/** Answers are short; that of a set-up names the columns of a table. */
const ANSWER_BYTES_MAX = 1024 * 1024;
/** Gzip for the way, not for keeping. */
const FAST = 1;

/** How ClickHouse reads an insert: as one block, nothing guessed, nothing skipped, and answered when it is done. */
const INSERT_SETTINGS = {
  async_insert: '0',
  insert_deduplicate: '1',
  wait_end_of_query: '1',
  date_time_input_format: 'best_effort',
  input_format_json_read_objects_as_strings: '1',
  input_format_skip_unknown_fields: '0',
  input_format_parallel_parsing: '0',
  input_format_allow_errors_num: '0',
  input_format_allow_errors_ratio: '0',
  max_insert_block_size: '1048449',
};

/** Rows of a table. */
export function createClickhouseSink(options: SinkOptionsOf<'clickhouse'>, context: SinkContext): Sink {
  return new ClickhouseSink(options, context);
}

class ClickhouseSink implements Sink {
  readonly requestsMax: number;
  readonly #options: SinkOptionsOf<'clickhouse'>;
  readonly #context: SinkContext;
  readonly #plan: TablePlan;
  readonly #compressor;
  /** How errors call the other end. */
  readonly #place: string;
  #client: HttpClient | null = null;
  #isSetUp = false;

  constructor(options: SinkOptionsOf<'clickhouse'>, context: SinkContext) {
    this.requestsMax = context.requestsMax;
    this.#options = options;
    this.#context = context;
    this.#plan = planTable(options, context.schema, context.name);
    this.#compressor = compressorOf(options.compression, FAST);
    this.#place = `ClickHouse ${new URL(options.url).host} ${tableName(this.#plan)}`;
  }

  async open(signal: AbortSignal): Promise<void> {
    const { url, timeout, tls } = this.#options;
    await this.close();
    // Servers are in private networks, and only the operator says where.
    this.#client = httpClient({ url, timeout, tls, allowPrivate: true }, this.#context, ANSWER_BYTES_MAX);
    await this.#setUp(signal);
  }

  requests(rows: CutRows): readonly CutRows[] {
    const { requestRowsMax, requestSizeMax } = this.#options;
    return divide(encoderOf(rows), rows, { rowsMax: requestRowsMax, bytesMax: requestSizeMax });
  }

  async send({ id, rows, cut }: SinkRequest, receipt: Receipt, signal: AbortSignal): Promise<void> {
    if (!this.#isSetUp) await this.#setUp(signal);
    const lines = encodedBytes(encoderOf(rows), rows);
    const body = await this.#compressor.compress(lines);
    const digest = createHash('sha256').update(lines).digest('hex').slice(0, 32);
    const parameters = {
      query: insertRows(this.#plan),
      insert_deduplication_token: `${id}-${digest}`,
      log_comment: `millrace ${cut.delivery}${cut.replay === null ? '' : ` replay ${cut.replay}`}`,
      ...INSERT_SETTINGS,
    };
    const { contentEncoding } = this.#compressor;
    const headers = contentEncoding === undefined ? {} : { 'content-encoding': contentEncoding };
    const answer = await this.#post(parameters, body, headers, signal);
    if (isTableChanged(answer)) this.#isSetUp = false;
    if (answer.status !== 200 || codeOf(answer) !== null) throw failureOf(answer, this.#place);
    // Something in between answers as well, and an insert has nothing to say.
    if (answer.text !== '') throw new ComeAgain(`${this.#place} answered an insert with text${quoteOf(answer)}`, null);
    receipt.bytes += body.length;
    receipt.objects += 1;
    receipt.takeAll();
  }

  async close(): Promise<void> {
    await this.#client?.close();
    this.#client = null;
    this.#isSetUp = false;
  }

  async #setUp(signal: AbortSignal): Promise<void> {
    const ask = async (statement: string, parameters: Readonly<Record<string, string>> = {}): Promise<string> => {
      const settings = { wait_end_of_query: '1', ...parameters };
      const answer = await this.#post(settings, Buffer.from(statement), {}, signal);
      // Whatever it is, it is not the fault of rows.
      if (answer.status !== 200) throw new Error(failureOf(answer, this.#place).message);
      return answer.text;
    };
    try {
      await setUpTable(ask, this.#plan, this.#options.setUp);
    } catch (error) {
      if (signal.aborted || error instanceof ComeAgain) throw error;
      throw new ComeAgain((error as Error).message, null, error);
    }
    this.#isSetUp = true;
  }

  async #post(
    parameters: Readonly<Record<string, string>>,
    body: Uint8Array,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    const { url, user, password } = this.#options;
    const request = {
      method: 'POST' as const,
      path: `${new URL(url).pathname}?${new URLSearchParams(parameters).toString()}`,
      headers: {
        'x-clickhouse-user': user,
        ...(password === undefined ? {} : { 'x-clickhouse-key': password }),
        ...headers,
      },
      body,
    };
    return sendTo(this.#client!, this.#place, request, signal);
  }
}

/** Times as text: a number would count in the column's own unit, which may be finer than ms. */
function encoderOf(rows: CutRows): RowEncoder {
  return jsonLines(rows.schema, { timestamps: 'iso' });
}
