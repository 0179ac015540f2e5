/** How rows look outside: columns to text, and to objects and back, against the same by plain values (`rowOf`). */
import { adEvents } from '../src/event/ad-events.js';
import { BatchTarget, decodeBatch, DictionaryChain, DictionaryScope, encodeAttached } from '../src/event/batch.js';
import type { ColumnBatch } from '../src/event/columns.js';
import { batchFromRows, rowOf } from '../src/event/rows.js';
import { CsvLines } from '../src/format/csv-lines.js';
import { JsonLines } from '../src/format/json-lines.js';
import { eventReader } from '../src/format/rows-reader.js';
import { eventWriter } from '../src/format/rows-writer.js';
import { adRows } from './ad-rows.js';
import { measure, row, type BenchRow } from './harness.js';

const RECORDS = 100_000;
const BATCH_ROWS = 8_192;
const schema = adEvents();

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const batches = segment();
  return [
    await jsonLines(batches),
    await csv(batches),
    await objects(batches),
    await roundTrip(batches, 0),
    await roundTrip(batches, 2),
  ];
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

async function csv(batches: readonly ColumnBatch[]): Promise<BenchRow> {
  const rows = new CsvLines(schema);
  const measured = await measure(
    () => {
      for (const batch of batches) rows.encode({ batch, rows: null });
      return RECORDS;
    },
    { warm: 3, times: 9 },
  );
  const field = (value: unknown) => {
    const text = value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const baseline = await measure(
    () => {
      for (const batch of batches) {
        let text = '';
        for (let i = 0; i < batch.rows; i++) text += `${Object.values(rowOf(batch, i)).map(field).join(',')}\r\n`;
        Buffer.from(text);
      }
      return RECORDS;
    },
    { warm: 1, times: 3 },
  );
  return row('CSV from columns', measured, 'join of rowOf', baseline);
}

async function objects(batches: readonly ColumnBatch[]): Promise<BenchRow> {
  const reader = eventReader(schema);
  let sum = 0;
  const measured = await measure(
    () => {
      for (const batch of batches) {
        const read = reader(fresh(batch));
        for (let i = 0; i < batch.rows; i++) if (read(i)['country'] === 'DE') sum++;
      }
      return RECORDS;
    },
    { warm: 3, times: 9 },
  );
  const baseline = await measure(
    () => {
      for (const batch of batches) for (let i = 0; i < batch.rows; i++) if (rowOf(batch, i)['country'] === 'DE') sum++;
      return RECORDS;
    },
    { warm: 1, times: 3 },
  );
  return row('objects from columns', measured, 'rowOf', baseline, { extra: { sum } });
}

/** Objects out of columns, `changed` of their properties set, and columns out of them again. */
async function roundTrip(batches: readonly ColumnBatch[], changed: 0 | 2): Promise<BenchRow> {
  const reader = eventReader(schema);
  const writer = eventWriter(schema);
  const change = (event: Record<string, unknown>, i: number) => {
    if (changed === 0) return event;
    event['country'] = i % 3 === 0 ? 'XX' : 'YY';
    event['url'] = (event['url'] as string).split('?', 1)[0];
    return event;
  };
  const measured = await measure(
    () => {
      for (const batch of batches.map(fresh)) {
        const read = reader(batch);
        const write = writer.begin(batch);
        for (let i = 0; i < batch.rows; i++) write.add(change(read(i), i), i);
        const { faults } = write.finish();
        if (faults.length > 0) throw faults[0]!.error;
      }
      return RECORDS;
    },
    { warm: 5, times: 9 },
  );
  const baseline = await measure(
    () => {
      for (const batch of batches) {
        const events: Record<string, unknown>[] = [];
        for (let i = 0; i < batch.rows; i++) events.push(change(rowOf(batch, i), i));
        batchFromRows(schema, events);
      }
      return RECORDS;
    },
    { warm: 1, times: 3 },
  );
  return row(`objects and back, ${changed} of 21 columns set`, measured, 'rowOf, batchFromRows', baseline, {
    target: '>= 600 k',
  });
}

/** The batch as if it had just been read: nothing that was made of it is at hand. */
function fresh(batch: ColumnBatch): ColumnBatch {
  return { schema: batch.schema, rows: batch.rows, column: (index) => batch.column(index) };
}
