/**
 * Deliveries to OpenSearch, in records per CPU-second of our side (the other end is another process that
 * counts lines and answers an item for each document): from the bytes of the log's batches to rows marked
 * by their items, against a plain loop that does the same with objects.
 */
import { measureSink, plainLoop, startReceiver, storedBatches, storedLines } from './deliver-rig.js';
import { measure, row, type BenchRow } from './harness.js';

const REQUEST_ROWS = 5_000;

interface Event {
  readonly event_id: string;
  readonly tenant_id: string;
  readonly received_at: number;
}

interface Answer {
  readonly items: readonly { readonly index: { readonly status: number } }[];
}

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const receiver = await startReceiver();
  const batches = storedBatches();
  const lines = storedLines(batches);
  try {
    const to = { type: 'opensearch', url: receiver.url, index: 'events', setUp: false, requestRowsMax: REQUEST_ROWS };
    const measured = await measureSink(to, batches);
    const baseline = await measure(
      () =>
        plainLoop(lines, {
          url: `${receiver.url}/_bulk`,
          requestRows: REQUEST_ROWS,
          contentType: 'application/x-ndjson',
          bodyOf: (events) => (events as readonly Event[]).map(linesOf).join(''),
          takenOf: (answer) => (JSON.parse(answer) as Answer).items.filter(({ index }) => index.status < 300).length,
        }),
      { times: 5 },
    );
    return [
      row('deliver: OpenSearch bulk', measured, 'JSON.parse, JSON.stringify, undici', baseline, {
        extra: { 'bytes a row': measured.bytesPerRow },
      }),
    ];
  } finally {
    receiver.stop();
  }
}

function linesOf(event: Event): string {
  const day = new Date(event.received_at).toISOString().slice(0, 10);
  const action = { index: { _index: `events-${day}`, _id: `${event.tenant_id}~${event.event_id}` } };
  return `${JSON.stringify(action)}\n${JSON.stringify(event)}\n`;
}
