/**
 * The other end of `bench/deliver-http.ts`, in a process of its own: reads bodies, counts bytes, answers in
 * the protocol of the request. Prints its port when it listens.
 */
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    const requestId = request.headers['x-amz-firehose-request-id'];
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ requestId, timestamp: 0 }));
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.on('SIGTERM', () => process.exit(0));
