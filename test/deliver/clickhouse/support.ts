import type { z } from 'zod';
import { clickhouseSinkField } from '../../../src/config/sinks/clickhouse.js';
import type { SinkOptionsOf } from '../../../src/config/sinks/index.js';
import { Receipt } from '../../../src/deliver/receipt.js';
import type { CutRows } from '../../../src/deliver/rows.js';
import type { Sink } from '../../../src/deliver/sink.js';

/** Settings of a sink, as they are written. */
export type Settings = Partial<z.input<typeof clickhouseSinkField>>;

/** Settings of a sink, parsed. */
export function settings(url: string, rest: Settings = {}): SinkOptionsOf<'clickhouse'> {
  return clickhouseSinkField.parse({ type: 'clickhouse', url, table: 'events', timeout: '10 s', ...rest });
}

/** The id of a request. */
export const ID = '0198b2f0-0000-7000-8000-000000000001';

/** Sends one request; answers its receipt. */
export async function send(sink: Sink, rows: CutRows, id = ID, replay: string | null = null): Promise<Receipt> {
  const receipt = new Receipt(rows.count);
  const cut = { delivery: 'out', stream: 'events', range: 'events/0:0-9', receivedAt: 0, replay };
  await sink.send({ id, rows, attempt: 0, isRest: false, cut }, receipt, new AbortController().signal);
  return receipt;
}
