/**
 * Deliveries over HTTP, in records per CPU-second of our side (the receiver is another process): from
 * the bytes of the log's batches to answered requests, against a plain loop that parses lines of JSON,
 * makes each event's text again, and posts requests of the same size.
 */
import { measureSink, plainLoop, startReceiver, storedBatches, storedLines, type PlainLoop } from './deliver-rig.js';
import { measure, row, type BenchRow } from './harness.js';

const REQUEST_ROWS = 1_000;

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const receiver = await startReceiver();
  const url = `${receiver.url}/in`;
  const batches = storedBatches();
  const lines = storedLines(batches);
  const compare = async (
    what: string,
    to: Readonly<Record<string, unknown>>,
    bodyOf: PlainLoop['bodyOf'],
  ): Promise<BenchRow> => {
    const measured = await measureSink({ url, allowPrivate: ['127.0.0.1'], ...to }, batches);
    const loop = { url, requestRows: REQUEST_ROWS, contentType: 'application/json', bodyOf };
    const baseline = await measure(() => plainLoop(lines, loop), { times: 5 });
    return row(`deliver: ${what}`, measured, 'JSON.parse, JSON.stringify, undici', baseline, {
      extra: { 'bytes a row': measured.bytesPerRow },
    });
  };
  try {
    return [
      await compare(
        'webhook, lines of JSON',
        { type: 'webhook', rowsMax: REQUEST_ROWS },
        (events) => `${events.map((event) => JSON.stringify(event)).join('\n')}\n`,
      ),
      await compare("Firehose's protocol", { type: 'http', recordsMax: REQUEST_ROWS }, (events) =>
        JSON.stringify({
          requestId: crypto.randomUUID(),
          timestamp: Date.now(),
          records: events.map((event) => ({ data: Buffer.from(JSON.stringify(event)).toString('base64') })),
        }),
      ),
    ];
  } finally {
    receiver.stop();
  }
}
