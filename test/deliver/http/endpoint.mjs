/**
 * An HTTP endpoint in a process of its own, for tests that kill it:
 *
 *   node endpoint.mjs PORT FILE
 *
 * It keeps every request in FILE (one line of JSON each) before it answers, in the protocol that the
 * request speaks. A request that holds a row with the id `poison` is refused for good.
 */
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [port, file] = process.argv.slice(2);

/** Ids of the events of a body. */
function idsOf(headers, body) {
  if ('x-amz-firehose-request-id' in headers)
    return JSON.parse(body).records.map(({ data }) => JSON.parse(Buffer.from(data, 'base64').toString()).id);
  if (headers['content-type'] === 'application/x-ndjson')
    return body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).id);
  return [JSON.parse(body)].flat().map(({ id }) => id);
}

createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    const ids = idsOf(request.headers, body);
    const requestId = request.headers['x-amz-firehose-request-id'];
    if (ids.includes('poison')) {
      response.writeHead(requestId === undefined ? 422 : 413).end('not this one');
      return;
    }
    const id = requestId ?? request.headers['webhook-id'];
    appendFileSync(file, `${JSON.stringify({ id, ids, body })}\n`);
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(requestId === undefined ? {} : { requestId, timestamp: Date.now() }));
  });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
