/**
 * The other end of benches of deliveries over HTTP, in a process of its own: reads bodies, and answers in
 * the protocol of the request. Prints its port when it listens.
 */
import { createServer } from 'node:http';

const NEWLINE = 0x0a;
const answers = new Map();

/** An item for each document. */
function bulkAnswer(documents) {
  let answer = answers.get(documents);
  if (answer === undefined) {
    const items = Array.from({ length: documents }, () => ({ index: { status: 201 } }));
    answers.set(documents, (answer = JSON.stringify({ errors: false, items })));
  }
  return answer;
}

const server = createServer((request, response) => {
  const isBulk = request.url.startsWith('/_bulk');
  let lines = 0;
  request.on('data', (part) => {
    if (isBulk) for (let at = part.indexOf(NEWLINE); at >= 0; at = part.indexOf(NEWLINE, at + 1)) lines += 1;
  });
  request.on('end', () => {
    const requestId = request.headers['x-amz-firehose-request-id'];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(isBulk ? bulkAnswer(lines / 2) : JSON.stringify({ requestId, timestamp: 0 }));
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.on('SIGTERM', () => process.exit(0));
