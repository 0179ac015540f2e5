/** How rows look outside: columns to lines of JSON, against `JSON.stringify` of row objects. */
import { adEvents } from '../src/event/ad-events.js';
import { BatchTarget, decodeBatch, DictionaryChain, DictionaryScope, encodeAttached } from '../src/event/batch.js';
import type { ColumnBatch } from '../src/event/columns.js';
import { batchFromRows, rowOf } from '../src/event/rows.js';
import { JsonLines } from '../src/format/json-lines.js';
import { adRows } from './ad-rows.js';
import { measure, row, type BenchRow } from './harness.js';

const RECORDS = 100_000;
const BATCH_ROWS = 8_192;
const schema = adEvents();

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const batches = segment();
  return [await jsonLines(batches)];
}

/** The events as the log's readers get them: batches of one segment. */
function segment(): ColumnBatch[] {
  const rows = adRows(RECORDS);
  const scope = new DictionaryScope(schema);
  const chain = new DictionaryChain();
  const target = new BatchTarget();
  const batches: ColumnBatch[] = [];
  for (let at = 0; at < rows.length; at += BATCH_ROWS) {
    target.position = 0;
    const batch = batchFromRows(schema, rows.slice(at, at + BATCH_ROWS));
    const place = { baseOffset: at, receivedAt: 1_750_000_000_000, segmentPosition: at };
    const { bytes } = encodeAttached([{ batch, rows: null }], scope, place, target);
    const copy = target.bytes.slice(0, bytes);
    chain.apply(copy);
    batches.push(decodeBatch(copy, schema, chain));
  }
  return batches;
}

async function jsonLines(batches: readonly ColumnBatch[]): Promise<BenchRow> {
  const lines = new JsonLines(schema);
  let bytes = 0;
  const measured = await measure(
    () => {
      bytes = 0;
      for (const batch of batches) bytes += lines.encode({ batch, rows: null }).data.length;
      return RECORDS;
    },
    { warm: 3, times: 9 },
  );
  const baseline = await measure(
    () => {
      for (const batch of batches) {
        let text = '';
        for (let i = 0; i < batch.rows; i++) text += `${JSON.stringify(rowOf(batch, i))}\n`;
        Buffer.from(text);
      }
      return RECORDS;
    },
    { warm: 1, times: 3 },
  );
  return row('JSON lines from columns', measured, 'JSON.stringify(rowOf)', baseline, {
    target: '>= 1.5 M',
    extra: { bytesPerRow: bytes / RECORDS },
  });
}
