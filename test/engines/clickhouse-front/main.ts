/**
 * The HTTP interface of ClickHouse over its embedded engine, in a process of its own. It answers as the server does
 * what a sink and the official client ask: a statement in `query` or the body or over both, settings, `database`,
 * `param_…` and `default_format` as parameters, users by header, Basic or parameter, bodies packed with gzip, deflate,
 * brotli, statuses and codes of errors, the summary of what was written.
 *
 * What it can't do it refuses by 501 (sessions, uploads of tables, blank lines in formats other than JSON), never
 * answers otherwise. Unlike the server it runs one statement at a time.
 *
 *     node front.mjs PACKAGES FOLDER PORT USER PASSWORD
 */
import { randomUUID, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { brotliDecompressSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { ChdbEngine, type EngineAnswer } from './engine.js';
import { failureOf } from './errors.js';
import { formatOf, parseStatement, readsOnly, Refusal } from './statement.js';

const BODY_BYTES_MAX = 256 * 1024 * 1024;

/** Parameters that are no settings of the engine: the request's own, and those of the HTTP layer. */
const NOT_SETTINGS = new Set([
  ...['query', 'query_id', 'database', 'default_format', 'user', 'password', 'compress', 'decompress', 'role'],
  ...[
    'wait_end_of_query',
    'buffer_size',
    'enable_http_compression',
    'send_progress_in_http_headers',
    'session_timeout',
  ],
  ...['http_headers_progress_interval_ms', 'http_response_buffer_size', 'http_zlib_compression_level'],
]);

const [packages, folder, port, user, password] = process.argv.slice(2) as [string, string, string, string, string];
const engine = new ChdbEngine(packages, folder);
const version = await engine.version();

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Refusal(307, 'TOO_MANY_BYTES', `the body is over ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return unpacked(Buffer.concat(chunks), request.headers['content-encoding']);
}

function unpacked(body: Buffer, encoding: string | undefined): Buffer {
  const options = { maxOutputLength: BODY_BYTES_MAX };
  switch (encoding) {
    case undefined:
    case 'identity':
      return body;
    case 'gzip':
      return gunzipSync(body, options);
    case 'deflate':
      return inflateSync(body, options);
    case 'br':
      return brotliDecompressSync(body, options);
    default:
      throw new Refusal(48, 'NOT_IMPLEMENTED', `this front does not unpack ${encoding}`);
  }
}

/** Basic, the headers or the parameters, in the order of the server. */
function credentialsOf({ headers }: IncomingMessage, parameters: URLSearchParams): [string, string] {
  const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1];
  if (basic !== undefined) {
    const text = Buffer.from(basic, 'base64').toString();
    return [text.slice(0, text.indexOf(':')), text.slice(text.indexOf(':') + 1)];
  }
  const named = headers['x-clickhouse-user'];
  if (named !== undefined) return [String(named), String(headers['x-clickhouse-key'] ?? '')];
  return [parameters.get('user') ?? 'default', parameters.get('password') ?? ''];
}

function authenticate(request: IncomingMessage, parameters: URLSearchParams): void {
  const given = Buffer.from(JSON.stringify(credentialsOf(request, parameters)));
  const wanted = Buffer.from(JSON.stringify([user, password]));
  if (given.length === wanted.length && timingSafeEqual(given, wanted)) return;
  const who = credentialsOf(request, parameters)[0];
  const message = `${who}: Authentication failed: password is incorrect, or there is no user with such name`;
  throw new Refusal(516, 'AUTHENTICATION_FAILED', message);
}

async function execute(request: IncomingMessage, parameters: URLSearchParams, format: string): Promise<EngineAnswer> {
  authenticate(request, parameters);
  if (parameters.has('session_id') || request.headers['content-type']?.startsWith('multipart/') === true)
    throw new Refusal(48, 'NOT_IMPLEMENTED', 'this front has neither sessions nor uploads of tables');
  const statement = parseStatement(parameters.get('query') ?? '', await bodyOf(request));
  if (request.method !== 'POST' && !readsOnly(statement.text))
    throw new Refusal(
      164,
      'READONLY',
      'Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly',
    );
  const entries = [...parameters].filter(([name]) => !NOT_SETTINGS.has(name));
  const settings = new Map(entries.filter(([name]) => !name.startsWith('param_')));
  const values = entries.filter(([name]) => name.startsWith('param_'));
  return engine.run({
    statement,
    database: parameters.get('database') ?? String(request.headers['x-clickhouse-database'] ?? 'default'),
    format,
    settings,
    parameters: new Map(values.map(([name, value]) => [name.slice('param_'.length), value])),
  });
}

function summaryOf({ rowsRead, rowsWritten, bytes }: EngineAnswer): string {
  return JSON.stringify({
    read_rows: `${rowsRead}`,
    read_bytes: '0',
    written_rows: `${rowsWritten}`,
    written_bytes: '0',
    total_rows_to_read: '0',
    result_rows: `${rowsWritten > 0 ? rowsWritten : rowsRead}`,
    result_bytes: `${bytes.length}`,
    elapsed_ns: '0',
  });
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://front');
  if (pathname === '/ping' || (request.method === 'GET' && !searchParams.has('query'))) {
    response.end('Ok.\n');
    return;
  }
  const preferred = searchParams.get('default_format') ?? request.headers['x-clickhouse-format'];
  const format = String(preferred ?? 'TabSeparated');
  response.setHeader('X-ClickHouse-Query-Id', searchParams.get('query_id') ?? randomUUID());
  response.setHeader('X-ClickHouse-Server-Display-Name', 'millrace-test');
  response.setHeader('X-ClickHouse-Timezone', 'UTC');
  try {
    const result = await execute(request, searchParams, format);
    const shown = formatOf(searchParams.get('query') ?? '') ?? format;
    response.setHeader('X-ClickHouse-Format', shown);
    response.setHeader('X-ClickHouse-Summary', summaryOf(result));
    response.setHeader(
      'Content-Type',
      shown.startsWith('JSON') ? 'application/json; charset=UTF-8' : 'text/plain; charset=UTF-8',
    );
    const packs =
      searchParams.get('enable_http_compression') === '1' &&
      /\bgzip\b/.test(String(request.headers['accept-encoding']));
    if (packs) response.setHeader('Content-Encoding', 'gzip');
    response.end(packs ? gzipSync(result.bytes) : result.bytes);
  } catch (error) {
    const { code, status, text } = failureOf(error, version);
    response.writeHead(status, {
      'X-ClickHouse-Exception-Code': `${code}`,
      'Content-Type': 'text/plain; charset=UTF-8',
    });
    response.end(text);
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    // Only the connection can have failed here.
    console.error(error);
    response.destroy();
  });
});
server.listen(Number(port), '127.0.0.1');
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  void engine.close().then(() => process.exit(0));
});
