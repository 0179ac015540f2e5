/**
 * From the log's batches through the sink into a folder, synced objects: NDJSON by partition against a
 * plain loop over JSON objects that does the same, Parquet against DuckDB's `read_json` + `COPY`. CPU is
 * the whole process's.
 */
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api';
import { sinkField } from '../src/config/sinks/index.js';
import { Receipt } from '../src/deliver/receipt.js';
import { CutRows, type PlacedSlice } from '../src/deliver/rows.js';
import { createSink } from '../src/deliver/sinks/index.js';
import { adEvents } from '../src/event/ad-events.js';
import { BatchTarget, decodeBatch, DictionaryChain, DictionaryScope, encodeAttached } from '../src/event/batch.js';
import { batchFromRows } from '../src/event/rows.js';
import { systemClock } from '../src/io/clock.js';
import { realDisk } from '../src/io/disk-real.js';
import { systemNetwork } from '../src/io/network.js';
import { systemRandom } from '../src/io/random.js';
import { adRows, type AdRow } from './ad-rows.js';
import { measure, row, type BenchRow, type Measured } from './harness.js';

const RECORDS = 300_000;
const BATCH_ROWS = 8_192;
const RECEIVED_AT = 1_750_000_000_000;
const PARTITION = 'publisher_id';
const DUCK_COLUMNS = `{event_id: 'UUID', event_type: 'VARCHAR', event_time: 'BIGINT', tenant_id: 'VARCHAR', campaign_id: 'VARCHAR', ad_id: 'VARCHAR',
  publisher_id: 'VARCHAR', user_id: 'VARCHAR', ip: 'VARCHAR', country: 'VARCHAR', user_agent: 'VARCHAR', url: 'VARCHAR', cost: 'DECIMAL(18,6)'}`;

const schema = adEvents();
const byPartition = { partitionBy: { p: PARTITION }, prefix: 'p=!{partitionKeyFromQuery:p}/!{timestamp:yyyy/MM/dd}/' };

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-objects-'));
  try {
    const json = join(folder, 'events.ndjson');
    const segment = prepare(json);
    const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    const duck = await instance.connect();
    const rows = [
      await partitioned(segment, json, folder),
      await parquet(segment, json, folder, duck, 'one object', {}, ''),
      await parquet(segment, json, folder, duck, `by ${PARTITION}`, byPartition, `, PARTITION_BY (${PARTITION})`),
      await packed(segment, json, folder, duck),
    ];
    duck.closeSync();
    instance.closeSync();
    return rows;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes the events as NDJSON and answers them as batches of one segment. */
function prepare(json: string): Uint8Array[] {
  const rows = adRows(RECORDS);
  writeFileSync(json, rows.map((event) => JSON.stringify(event)).join('\n') + '\n');
  const scope = new DictionaryScope(schema);
  const target = new BatchTarget();
  const batches: Uint8Array[] = [];
  for (let at = 0; at < rows.length; at += BATCH_ROWS) {
    target.position = 0;
    const batch = batchFromRows(schema, rows.slice(at, at + BATCH_ROWS));
    const place = { baseOffset: at, receivedAt: RECEIVED_AT, segmentPosition: at };
    const { bytes } = encodeAttached([{ batch, rows: null }], scope, place, target);
    batches.push(target.bytes.slice(0, bytes));
  }
  return batches;
}

/** One cut through the sink, from the log's bytes on. */
async function deliver(segment: readonly Uint8Array[], path: string, settings: object): Promise<Receipt> {
  const chain = new DictionaryChain();
  const slices = segment.map((bytes, index): PlacedSlice => {
    chain.apply(bytes);
    const batch = decodeBatch(bytes, schema, chain);
    const baseOffset = index * BATCH_ROWS;
    return { stream: 'events', partition: 0, baseOffset, receivedAt: RECEIVED_AT, batch, rows: null, attempts: null };
  });
  const rows = new CutRows(schema, slices);
  const options = sinkField.parse({ type: 'directory', path, ...settings });
  const context = { name: 'bench', stream: 'events', requestsMax: 4, clock: systemClock, random: systemRandom };
  const sink = createSink(options, { ...context, schema, disk: realDisk, network: systemNetwork });
  const receipt = new Receipt(rows.count);
  const range = `events/0:0-${RECORDS}`;
  const cut = { delivery: 'bench', stream: 'events', range, receivedAt: RECEIVED_AT, replay: null };
  const { signal } = new AbortController();
  await sink.open(signal);
  await sink.send({ id: 'bench', rows, attempt: 0, isRest: false, cut }, receipt, signal);
  await sink.close();
  return receipt;
}

async function measureSink(segment: readonly Uint8Array[], path: string, settings: object) {
  let receipt = new Receipt(0);
  let runs = 0;
  const measured = await measure(
    async () => {
      // A fresh folder each time: removing one would be measured too.
      receipt = await deliver(segment, `${path}-${runs++}`, settings);
      return RECORDS;
    },
    { warm: 1, times: 5 },
  );
  if (receipt.count(1) !== RECORDS) throw new Error(`${receipt.count(1)} rows of ${RECORDS} arrived`);
  return { measured, extra: { objects: receipt.objects, bytesPerRow: (receipt.bytes / RECORDS).toFixed(1) } };
}

async function partitioned(segment: readonly Uint8Array[], json: string, folder: string): Promise<BenchRow> {
  const { measured, extra } = await measureSink(segment, join(folder, 'lines'), byPartition);
  let runs = 0;
  const baseline = await measure(() => plainLoop(json, join(folder, `plain-${runs++}`)), { warm: 1, times: 3 });
  return row(`objects: NDJSON by ${PARTITION}`, measured, 'JSON.parse, group, stringify, write', baseline, { extra });
}

/** What one would write by hand: objects grouped by a field, one synced file a group. */
function plainLoop(json: string, folder: string): number {
  const groups = new Map<string, string[]>();
  let count = 0;
  for (const line of readFileSync(json, 'utf8').split('\n')) {
    if (line === '') continue;
    const event = JSON.parse(line) as AdRow;
    event['received_at'] = RECEIVED_AT;
    const key = String(event[PARTITION]);
    let group = groups.get(key);
    if (group === undefined) groups.set(key, (group = []));
    group.push(JSON.stringify(event));
    count += 1;
  }
  for (const [key, lines] of groups) {
    const path = join(folder, `p=${key}`, '2025/06/15');
    mkdirSync(path, { recursive: true });
    const file = openSync(join(path, 'part.json'), 'w');
    writeFileSync(file, `${lines.join('\n')}\n`);
    fdatasyncSync(file);
    closeSync(file);
  }
  return count;
}

async function parquet(
  segment: readonly Uint8Array[],
  json: string,
  folder: string,
  duck: DuckDBConnection,
  name: string,
  settings: object,
  copyOptions: string,
): Promise<BenchRow> {
  const { measured, extra } = await measureSink(segment, join(folder, 'parquet'), { format: 'parquet', ...settings });
  const baseline = await copy(duck, json, folder, '', copyOptions);
  return row(`objects: Parquet, ${name}`, measured, `DuckDB read_json + COPY${copyOptions}`, baseline, {
    ...(copyOptions === '' ? { target: '>= 400 k' } : {}),
    extra,
  });
}

/** One object sorted by tenant and time, in the place of one a tenant. */
async function packed(
  segment: readonly Uint8Array[],
  json: string,
  folder: string,
  duck: DuckDBConnection,
): Promise<BenchRow> {
  const settings = { format: 'parquet', pack: true, sortBy: ['event_time'] };
  const { measured, extra } = await measureSink(segment, join(folder, 'packed'), settings);
  const baseline = await copy(duck, json, folder, 'ORDER BY tenant_id, event_time', '');
  return row('objects: Parquet, packed by tenant', measured, 'DuckDB read_json + ORDER BY + COPY', baseline, { extra });
}

function copy(duck: DuckDBConnection, json: string, folder: string, order: string, options: string): Promise<Measured> {
  let runs = 0;
  return measure(
    async () => {
      const target = join(folder, `duck-${order.length}-${options.length}-${runs++}`);
      await duck.run(
        `COPY (SELECT * FROM read_json('${json}', format = 'newline_delimited', columns = ${DUCK_COLUMNS}) ${order}) TO '${target}' (FORMAT parquet, COMPRESSION zstd${options})`,
      );
      return RECORDS;
    },
    { warm: 1, times: 3 },
  );
}
