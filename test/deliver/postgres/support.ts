/** Sinks of PostgreSQL in front of a real server. */
import pg from 'pg';
import { parseConfig } from '../../../src/config/parse.js';
import type { SinkOptions } from '../../../src/config/sinks/index.js';
import { Receipt } from '../../../src/deliver/receipt.js';
import type { CutRows } from '../../../src/deliver/rows.js';
import type { Sink } from '../../../src/deliver/sink.js';

/** The settings of a sink as a configuration makes them. */
export function settings(to: Readonly<Record<string, unknown>>): SinkOptions {
  const delivery = { from: 'events', to: { type: 'postgres', ...to } };
  const input = { streams: { events: { schema: 'ad-events' } }, deliveries: { out: delivery } };
  return parseConfig(input, { folder: '/' }).deliveries[0]!.sink;
}

/** Asks the server; a new session each time, since servers are killed. */
export async function ask<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  // The query itself rejects when the server goes.
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Sends one request; answers its receipt, or what was thrown. */
export async function send(sink: Sink, rows: CutRows): Promise<{ readonly receipt: Receipt; readonly error: unknown }> {
  const receipt = new Receipt(rows.count);
  const cut = { delivery: 'out', stream: 'events', range: 'events/0:0-3', receivedAt: 1_700_000_000_123, replay: null };
  try {
    await sink.send({ id: 'id', rows, attempt: 0, isRest: false, cut }, receipt, new AbortController().signal);
    return { receipt, error: null };
  } catch (error) {
    return { receipt, error };
  }
}
