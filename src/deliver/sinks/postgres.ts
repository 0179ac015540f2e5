/**
 * `postgres`: rows of a table in PostgreSQL.
 *
 * Guarantee: exactly once by key. A request is one transaction: COPY into a table of the session, then
 * one INSERT from there that knows a row which is there already by its key: tenant and event id, the
 * columns of `key`, or, in a stream without ids, the row's place (stream, partition, offset). Whether
 * the answer to a COMMIT is lost, the process is killed, or the rows are replayed: the same rows have
 * the same keys. It holds while the key's unique index does, and for what the server keeps: with
 * `synchronous_commit = off` or an asynchronous standby a crash may take back what it acknowledged.
 *
 * A row that PostgreSQL refuses (a zero byte in a text, a value that doesn't fit, a constraint or trigger
 * of yours) refuses its transaction; it is found by the line that COPY names, or else by halves, and goes
 * to the quarantine. Everything else is tried again (`postgres/failure.ts`). The table is made to fit, or
 * checked, at every start and when it seems to have changed (`postgres/set-up.ts`).
 *
 * Limits: `requestsMax` sessions, each with one request of `requestRowsMax` rows and `requestSizeMax`
 * bytes; `timeout` a transaction.
 */
import type { ClientBase } from 'pg';
import type { SinkOptionsOf } from '../../config/sinks/index.js';
import { readTlsFiles } from '../../io/tls-files.js';
import { divide } from '../encoded.js';
import type { CutRows } from '../rows.js';
import type { Receipt } from '../receipt.js';
import { ComeAgain, type Sink, type SinkContext, type SinkRequest } from '../sink.js';
import { Connections } from './postgres/connections.js';
import { copyBody, pgCopy, PLACE_BYTES } from './postgres/copy-body.js';
import { CopyIn } from '../../io/copy-in.js';
import { failureOf, isRowsFault, isTableChanged } from './postgres/failure.js';
import { setUpTable } from './postgres/set-up.js';
import { copyRows, createStaging, insertRows, planTable, tableName, type TablePlan } from './postgres/table.js';

/** Rows of a table. */
export function createPostgresSink(options: SinkOptionsOf<'postgres'>, context: SinkContext): Sink {
  return new PostgresSink(options, context);
}

class PostgresSink implements Sink {
  readonly requestsMax: number;
  readonly #options: SinkOptionsOf<'postgres'>;
  readonly #context: SinkContext;
  readonly #plan: TablePlan;
  /** How errors call the other end: never with user and password. */
  readonly #place: string;
  #connections: Connections | null = null;
  #isSetUp = false;

  constructor(options: SinkOptionsOf<'postgres'>, context: SinkContext) {
    this.requestsMax = context.requestsMax;
    this.#options = options;
    this.#context = context;
    this.#plan = planTable(options, context.schema, context.name);
    this.#place = `PostgreSQL ${new URL(options.url).host} ${tableName(this.#plan)}`;
  }

  async open(signal: AbortSignal): Promise<void> {
    const { url, tls, timeout } = this.#options;
    const { disk, name, requestsMax } = this.#context;
    await this.#connections?.close();
    this.#connections = new Connections({
      url,
      tls: tls === undefined ? null : readTlsFiles(tls, disk),
      sessionsMax: requestsMax,
      timeoutMs: timeout,
      // Times without a zone are in UTC.
      prepare: ["SET TIME ZONE 'UTC'", createStaging(this.#plan)],
      // A refused row is followed by requests around it; a new session for each would cost more than the rows.
      isHarmless: isRowsFault,
      name: `millrace ${name}`,
    });
    await this.#setUp(signal);
  }

  requests(rows: CutRows): readonly CutRows[] {
    const { requestRowsMax, requestSizeMax } = this.#options;
    const { isPlaced } = this.#plan;
    const rowBytes = isPlaced ? PLACE_BYTES + this.#context.stream.length : 0;
    return divide(pgCopy(rows.schema, isPlaced), rows, {
      rowsMax: requestRowsMax,
      bytesMax: requestSizeMax,
      rowBytes,
    });
  }

  async send({ rows }: SinkRequest, receipt: Receipt, signal: AbortSignal): Promise<void> {
    const { isPlaced } = this.#plan;
    const body = copyBody(pgCopy(rows.schema, isPlaced), rows, isPlaced);
    try {
      if (!this.#isSetUp) await this.#setUp(signal);
      const written = await this.#connections!.run(signal, (client) => this.#write(client, body, rows.count));
      receipt.bytes += body.length;
      receipt.objects += written;
      receipt.takeAll();
    } catch (error) {
      if (signal.aborted || error instanceof ComeAgain) throw error;
      if (isTableChanged(error)) this.#isSetUp = false;
      throw failureOf(error, this.#place);
    }
  }

  async close(): Promise<void> {
    await this.#connections?.close();
    this.#connections = null;
    this.#isSetUp = false;
  }

  async #setUp(signal: AbortSignal): Promise<void> {
    try {
      await this.#connections!.run(signal, (client) => setUpTable(client, this.#plan, this.#options.setUp));
    } catch (error) {
      if (signal.aborted) throw error;
      // Whatever it is, it is not the fault of rows.
      throw new ComeAgain(`${this.#place}: ${(error as Error).message}`, null, error);
    }
    this.#isSetUp = true;
  }

  /** One transaction; answers how many rows the table got or changed. */
  async #write(client: ClientBase, body: Uint8Array, count: number): Promise<number> {
    await client.query('BEGIN');
    const taken = await client.query(new CopyIn(copyRows(this.#plan), body)).done;
    if (taken !== count) throw new Error(`the server took ${taken} rows of ${count}`);
    const { rowCount } = await client.query(insertRows(this.#plan));
    const { command } = await client.query('COMMIT');
    // A transaction that failed ends with a COMMIT that is none.
    if (command !== 'COMMIT') throw new Error(`the transaction ended with ${command}`);
    return rowCount ?? 0;
  }
}
