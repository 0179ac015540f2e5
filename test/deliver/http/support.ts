/** Sinks over HTTP in front of a scripted receiver. */
import { parseConfig } from '../../../src/config/parse.js';
import type { SinkOptions } from '../../../src/config/sinks/index.js';
import { Receipt } from '../../../src/deliver/receipt.js';
import type { CutRows } from '../../../src/deliver/rows.js';
import type { CutPlace, Sink } from '../../../src/deliver/sink.js';
import { createSink } from '../../../src/deliver/sinks/index.js';
import { cutRows, sinkContext, someRows } from '../support.js';

/** The settings of a sink as a configuration makes them. */
export function settings(to: Readonly<Record<string, unknown>>): SinkOptions {
  const input = { streams: { events: { schema: 'ad-events' } }, deliveries: { out: { from: 'events', to } } };
  return parseConfig(input, { folder: '/' }).deliveries[0]!.sink;
}

/** An open sink that may reach this machine. */
export async function openSink(
  to: Readonly<Record<string, unknown>>,
  context: Parameters<typeof sinkContext>[0] = {},
): Promise<Sink> {
  const sink = createSink(settings({ allowPrivate: ['127.0.0.1'], ...to }), sinkContext(context));
  await sink.open(new AbortController().signal);
  return sink;
}

/** The id of a request that a test sends by hand. */
export const REQUEST_ID = '0a1b2c3d-0000-8000-8000-000000000000';

/** Sends one request; answers its receipt, or what was thrown. */
export async function send(
  sink: Sink,
  rows: CutRows = cutRows(someRows(3)),
  place: Partial<CutPlace> = {},
): Promise<{ readonly receipt: Receipt; readonly error: unknown }> {
  const receipt = new Receipt(rows.count);
  const cut = { delivery: 'out', stream: 'events', range: 'events/0:0-3', receivedAt: 1_700_000_000_123, replay: null };
  const request = { id: REQUEST_ID, rows, attempt: 0, isRest: false, cut: { ...cut, ...place } };
  try {
    await sink.send(request, receipt, new AbortController().signal);
    return { receipt, error: null };
  } catch (error) {
    return { receipt, error };
  }
}
