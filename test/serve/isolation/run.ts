/**
 * Sends hostile requests with one tenant's key to a server that holds two, and looks for the other's canaries in
 * every byte of every answer.
 */
import { Agent, request as send } from 'node:http';
import { tableFromIPC } from '@uwdata/flechette';
import { Decoder } from '@toondepauw/node-zstd';
import { parquetReadObjects } from 'hyparquet';
import { change, START } from '../query/fixture.js';
import { KEYS, openServer, type ServerFixture } from '../server.js';
import { hostileRequest, type Cursors, type HostileRequest } from './hostile-requests.js';
import { Dice } from './hostile-sql.js';

/** What is only in rows of the other tenant, in no request and in no message. */
const CANARY = 'zq7qcanaryxv9';
const CANARY_NUMBER = '907090709';
/** How it would look turned round, or as hexadecimal digits. Comparing is by small letters. */
const SIGNS = [
  CANARY,
  [...CANARY].reverse().join(''),
  Buffer.from(CANARY).toString('hex'),
  CANARY_NUMBER,
  [...CANARY_NUMBER].reverse().join(''),
];

/** What was found. */
export interface IsolationReport {
  readonly cases: number;
  readonly accepted: number;
  /** Statements that ran, of those sent. */
  readonly statements: { readonly sent: number; readonly ran: number };
  /** Refusals by status and code. */
  readonly refused: Readonly<Record<string, number>>;
  /** Requests whose answers held a canary. */
  readonly leaks: readonly string[];
}

/** Opens the server of the fuzz. `printed` may change the text that the engine is given, to prove that leaks are seen. */
export async function openIsolated(printed?: (sql: string) => string): Promise<ServerFixture> {
  const server = await openServer(printed === undefined ? {} : { printed });
  const { fixture } = server;
  const secret = (n: number) =>
    change('bolt', n, `${CANARY} ${n}`, Number(CANARY_NUMBER), { rate: Number(CANARY_NUMBER) + n });
  await fixture.change([0, 1, 2].map(secret));
  await fixture.change([change('acme', 3, 'open', 3), secret(3)]);
  // Closed windows are in files with the rows of all tenants; some stay in memory.
  await fixture.views.get('traffic')!.settle();
  await fixture.change([change('acme', 4, 'later', 4), secret(4)]);
  await fixture.append('events', [
    { tenant_id: 'acme', event_id: 'own', event_time: START, kind: 'click', campaign: 'open', labels: ['own'] },
    {
      tenant_id: 'bolt',
      event_id: `${CANARY}-event`,
      event_time: START,
      kind: CANARY,
      campaign: CANARY,
      note: CANARY,
      labels: [CANARY],
      clicks: Number(CANARY_NUMBER),
      props: { secret: CANARY },
    },
  ]);
  return server;
}

async function cursorsOf(server: ServerFixture, key: 'acme' | 'bolt'): Promise<string[]> {
  const found: string[] = [];
  for (const part of ['changes?limit=1', 'changes', 'snapshot?limit=1', 'snapshot?from=0']) {
    const { body } = await server.ask(`/v1/tenants/${key}/views/traffic/${part}`, key);
    found.push((body as { next_cursor: string }).next_cursor);
  }
  return found;
}

interface RawAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: Buffer;
}

function fetchRaw(port: number, agent: Agent, { method, path, body, accept }: HostileRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${KEYS['acme']}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      ...(accept === undefined ? {} : { accept }),
    };
    const asked = send({ host: '127.0.0.1', port, method, path, headers, agent }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const heads = JSON.stringify(response.headers);
        const bytes = Buffer.concat([...parts, Buffer.from(heads)]);
        const type = String(response.headers['content-type'] ?? '');
        resolve({
          status: response.statusCode!,
          type,
          body: bytes.subarray(0, bytes.length - Buffer.byteLength(heads)),
        });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

const compressors = { ZSTD: (page: Uint8Array): Uint8Array => new Decoder().decodeSync(Buffer.from(page)) };
const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? String(value) : value);

/** The bytes, and what they say once they are decoded. */
async function textsOf({ body, type }: RawAnswer): Promise<string> {
  const raw = body.toString('latin1');
  if (type.startsWith('application/vnd.apache.arrow'))
    return raw + JSON.stringify(tableFromIPC(body, { useBigInt: true }).toArray(), plain);
  if (!type.startsWith('application/vnd.apache.parquet')) return raw;
  const file = new Uint8Array(body).buffer;
  return raw + JSON.stringify(await parquetReadObjects({ file, compressors }), plain);
}

function codeOf({ status, body }: RawAnswer): string {
  const code = /"code":"(\w+)"/.exec(body.toString())?.[1];
  return code === undefined ? String(status) : `${status} ${code}`;
}

/** Runs so many cases from a seed. */
export async function runIsolation(
  server: ServerFixture,
  { cases, seed, onCase }: { readonly cases: number; readonly seed: number; readonly onCase?: (n: number) => void },
): Promise<IsolationReport> {
  const cursors: Cursors = { own: await cursorsOf(server, 'acme'), other: await cursorsOf(server, 'bolt') };
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const statements = { sent: 0, ran: 0 };
  const refused: Record<string, number> = {};
  const leaks: string[] = [];
  let accepted = 0;
  for (let n = 0; n < cases; n++) {
    const asked = hostileRequest(new Dice(seed * 1_000_003 + n), server.fixture.folder, cursors);
    const answer = await fetchRaw(server.port, agent, asked);
    const isStatement = asked.path.startsWith('/v1/query');
    if (isStatement) statements.sent += 1;
    if (answer.status === 200) {
      accepted += 1;
      if (isStatement) statements.ran += 1;
    } else refused[codeOf(answer)] = (refused[codeOf(answer)] ?? 0) + 1;
    const said = (await textsOf(answer)).toLowerCase();
    if (SIGNS.some((sign) => said.includes(sign))) leaks.push(`case ${n} of seed ${seed}: ${JSON.stringify(asked)}`);
    onCase?.(n);
  }
  agent.destroy();
  return { cases, accepted, statements, refused, leaks };
}
