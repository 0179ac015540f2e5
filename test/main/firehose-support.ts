/** A running Millrace with access keys, and clients of the AWS SDK before it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FirehoseClient, PutRecordBatchCommand, type PutRecordBatchCommandOutput } from '@aws-sdk/client-firehose';
import { parseConfig } from '../../src/config/parse.js';
import { startMillrace, type Millrace } from '../../src/millrace.js';

const OPERATOR = 'operator-key-123456';
/** An ingest key of `acme`. */
export const INGEST = 'acme-ingest-key-1234';

export class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), 'millrace-firehose-'));
  readonly #settings: (folder: string) => object;
  readonly #clients: FirehoseClient[] = [];
  #running: Millrace | undefined;

  /** `settings` are put over the configuration. */
  constructor(settings: (folder: string) => object) {
    this.#settings = settings;
  }

  async start(): Promise<void> {
    const config = {
      data: join(this.folder, 'data'),
      http: { port: 0 },
      streams: { events: { schema: 'ad-events' } },
      tenants: [
        {
          id: 'acme',
          keys: [{ key: INGEST }],
          accessKeys: [{ id: 'MRAKACME', secret: 'acme-secret-0123456789' }],
        },
      ],
      operators: [{ key: OPERATOR }],
      operatorAccessKeys: [{ id: 'MRAKOPER', secret: 'oper-secret-0123456789' }],
      lake: { run: '100 ms' },
      messages: { level: 'silent' },
      ...this.#settings(this.folder),
    };
    this.#running = await startMillrace(parseConfig(config, { folder: this.folder }));
  }

  get url(): string {
    return this.#running!.url;
  }

  async restart(): Promise<void> {
    await this.#running!.close();
    await this.start();
  }

  async end(): Promise<void> {
    for (const one of this.#clients) one.destroy();
    await this.#running?.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  acme(): FirehoseClient {
    return this.#client('MRAKACME', 'acme-secret-0123456789');
  }

  operator(): FirehoseClient {
    return this.#client('MRAKOPER', 'oper-secret-0123456789');
  }

  put(stream: string, ...data: string[]): Promise<PutRecordBatchCommandOutput> {
    const Records = data.map((one) => ({ Data: Buffer.from(one) }));
    return this.acme().send(new PutRecordBatchCommand({ DeliveryStreamName: stream, Records }));
  }

  async ask(path: string, body?: string): Promise<ReturnType<typeof JSON.parse>> {
    const answer = await fetch(`${this.url}${path}`, {
      ...(body === undefined ? {} : { method: 'POST', body }),
      headers: { authorization: `Bearer ${OPERATOR}`, 'content-type': 'application/json' },
    });
    return answer.json();
  }

  async query(sql: string): Promise<unknown[][]> {
    const answer = (await this.ask('/v1/query', JSON.stringify({ sql }))) as { rows?: unknown[][] };
    if (answer.rows === undefined) throw new Error(JSON.stringify(answer));
    return answer.rows;
  }

  #client(accessKeyId: string, secretAccessKey: string): FirehoseClient {
    const made = new FirehoseClient({
      endpoint: this.url,
      region: 'us-east-1',
      credentials: { accessKeyId, secretAccessKey },
    });
    this.#clients.push(made);
    return made;
  }
}

export async function until(what: string, test: () => Promise<boolean> | boolean): Promise<void> {
  for (let tries = 0; !(await test()); tries++) {
    if (tries > 1000) throw new Error(`${what}: still not so`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
