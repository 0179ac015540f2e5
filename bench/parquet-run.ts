/**
 * What the lake does all day: small batches of every partition, as commits under load make them,
 * gathered, sorted by tenant and time, and written as one run. The baseline sorts the same events
 * from NDJSON with DuckDB. CPU is the whole process's.
 */
import { appendFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { AsciiWriter } from '../src/cli/generate/ascii-writer.js';
import { tenantNames, Traffic } from '../src/cli/generate/traffic.js';
import { adEvents } from '../src/event/ad-events.js';
import { BatchTarget, decodeBatch, DictionaryChain, DictionaryScope, encodeAttached } from '../src/event/batch.js';
import { batchFromRows } from '../src/event/rows.js';
import { realDisk } from '../src/io/disk-real.js';
import { LAKE_DEFAULTS } from '../src/lake/options.js';
import { ROW_GROUP_ROWS } from '../src/format/parquet/writer.js';
import { RunBuffer } from '../src/lake/run.js';
import { lakeSchema } from '../src/lake/schema.js';
import type { LakeFile } from '../src/lake/snapshot.js';
import { partitionOf } from '../src/log/partition.js';
import { measure, row, type BenchRow } from './harness.js';

const schema = adEvents();

const RUN_RECORDS = 500_000;
const PARTITIONS = 4;
/** Rows a batch of the log: what a commit holds of one partition when clients send 50 events a request. */
const SMALL_ROWS = 100;

/** One run of generated traffic: 15,000 tenants, all columns in use. `folder` is for its files. */
export async function measureRun(folder: string): Promise<BenchRow> {
  const json = join(folder, 'traffic.ndjson');
  const duck = join(folder, 'sorted.parquet');
  const batches = prepareTraffic(json);
  let file: LakeFile | undefined;
  let slice = 0;
  const measured = await measure(
    async () => {
      const buffer = new RunBuffer(lakeSchema(schema), 0);
      const chains = Array.from({ length: PARTITIONS }, () => new DictionaryChain());
      for (const { partition, baseOffset, rows, bytes } of batches) {
        const chain = chains[partition]!;
        chain.apply(bytes);
        buffer.add({ ...NOTHING, partition, baseOffset, rows, batch: decodeBatch(bytes, schema, chain) });
      }
      let since = performance.now();
      file = await buffer.write(realDisk, folder, LAKE_DEFAULTS.runLevel, async () => {
        slice = Math.max(slice, performance.now() - since);
        await new Promise((done) => setImmediate(done));
        since = performance.now();
      });
      return file.rows;
    },
    { warm: 1, times: 3 },
  );
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  const baseline = await measure(
    async () => {
      await connection.run(
        `COPY (SELECT * FROM read_json('${json}', format = 'newline_delimited', columns = ${TRAFFIC_COLUMNS}) ORDER BY tenant_id, event_time) TO '${duck}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`,
      );
      return RUN_RECORDS;
    },
    { warm: 1, times: 3 },
  );
  const own = join(folder, file!.name);
  const check = await connection.runAndReadAll(
    `SELECT (SELECT count(*) FROM (SELECT event_id, tenant_id, url, referrer, cost FROM '${own}' EXCEPT ALL SELECT event_id, tenant_id, url, referrer, cost FROM '${duck}'))::INT`,
  );
  const different = Number(check.getRows()[0]![0]);
  if (different !== 0) throw new Error(`${different} rows differ between the two sorted files`);
  connection.closeSync();
  instance.closeSync();
  return row(`lake run from batches of ${SMALL_ROWS} rows`, measured, 'DuckDB read_json + ORDER BY + COPY', baseline, {
    target: '<= 3 us CPU a row',
    extra: {
      'us CPU a row': ((measured.cpuSeconds / measured.records) * 1e6).toFixed(2),
      'longest slice ms': slice.toFixed(0),
      bytesPerRow: (file!.bytes / RUN_RECORDS).toFixed(1),
      baselineBytesPerRow: (statSync(duck).size / RUN_RECORDS).toFixed(1),
    },
  });
}

const NEW_LINE = 10;

const NOTHING = {
  stream: 'events',
  eventTimeMin: NaN,
  eventTimeMax: NaN,
  receivedAt: 0,
  clockAdvanceMs: 0,
  clockTotalMs: 0,
};

const TRAFFIC_COLUMNS = `{event_id: 'UUID', event_type: 'VARCHAR', event_time: 'BIGINT', tenant_id: 'VARCHAR', campaign_id: 'VARCHAR', ad_id: 'VARCHAR',
  creative_id: 'VARCHAR', publisher_id: 'VARCHAR', placement_id: 'VARCHAR', user_id: 'VARCHAR', click_id: 'VARCHAR', ip: 'VARCHAR', country: 'VARCHAR',
  user_agent: 'VARCHAR', url: 'VARCHAR', referrer: 'VARCHAR', cost: 'DECIMAL(18,6)', revenue: 'DECIMAL(18,6)', currency: 'VARCHAR', labels: 'VARCHAR[]', props: 'JSON'}`;

interface EncodedBatch {
  readonly partition: number;
  readonly baseOffset: number;
  readonly rows: number;
  readonly bytes: Uint8Array;
}

/** Generated events as NDJSON, and as small batches of one segment. */
function prepareTraffic(json: string): EncodedBatch[] {
  const traffic = new Traffic({
    seed: 5,
    tenants: tenantNames(15_000),
    startMs: 1_750_000_000_000,
    rate: 25_000,
    duplicates: 0,
  });
  const out = new AsciiWriter(1 << 20);
  const waiting: Record<string, unknown>[][] = Array.from({ length: PARTITIONS }, () => []);
  const ends = waiting.map(() => 0);
  const scopes = waiting.map(() => new DictionaryScope(schema));
  const target = new BatchTarget();
  const batches: EncodedBatch[] = [];
  const seal = (partition: number): void => {
    const rows = waiting[partition]!;
    target.position = 0;
    const baseOffset = ends[partition]!;
    const { bytes } = encodeAttached(
      [{ batch: batchFromRows(schema, rows), rows: null }],
      scopes[partition]!,
      { baseOffset, receivedAt: 1_750_000_000_000 + batches.length, segmentPosition: 0 },
      target,
    );
    batches.push({ partition, baseOffset, rows: rows.length, bytes: target.bytes.slice(0, bytes) });
    ends[partition] = baseOffset + rows.length;
    waiting[partition] = [];
  };
  writeFileSync(json, '');
  for (let n = 0; n < RUN_RECORDS; n++) {
    const from = out.length;
    traffic.next(out);
    if (out.buffer[out.length - 1] !== NEW_LINE) {
      out.reserve(1);
      out.buffer[out.length++] = NEW_LINE;
    }
    const event = JSON.parse(out.buffer.toString('utf8', from, out.length)) as Record<string, unknown>;
    const tenant = Buffer.from(String(event['tenant_id']));
    const partition = partitionOf(tenant, 0, tenant.length, PARTITIONS);
    const rows = waiting[partition]!;
    rows.push(event);
    if (rows.length === SMALL_ROWS) seal(partition);
    if (out.length > 1e6 || n === RUN_RECORDS - 1) {
      appendFileSync(json, out.buffer.subarray(0, out.length));
      out.length = 0;
    }
  }
  waiting.forEach((rows, partition) => (rows.length > 0 ? seal(partition) : undefined));
  return batches;
}
