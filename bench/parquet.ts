/**
 * Parquet from the log's columns, against what one would do with the same events as NDJSON: DuckDB
 * `read_json` with declared types, then `COPY` to zstd Parquet. CPU is the whole process's.
 */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { adEvents } from '../src/event/ad-events.js';
import { BatchTarget, decodeBatch, DictionaryChain, DictionaryScope, encodeAttached } from '../src/event/batch.js';
import { batchFromRows } from '../src/event/rows.js';
import { realDisk } from '../src/io/disk-real.js';
import { fileSink, ParquetWriter, ROW_GROUP_ROWS } from '../src/format/parquet/writer.js';
import { adRows, type AdRow } from './ad-rows.js';
import { measure, row, type BenchRow } from './harness.js';
import { measureRun } from './parquet-run.js';

const RECORDS = 300_000;
const BATCH_ROWS = 8_192;

/** Runs the bench. */
export async function run(): Promise<BenchRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-parquet-'));
  try {
    const json = join(folder, 'events.ndjson');
    const segment = prepare(json);
    const own = join(folder, 'own.parquet');
    const duck = join(folder, 'duck.parquet');
    const measured = await measure(() => writeOwn(segment, own), { warm: 2, times: 5 });
    const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
    const connection = await instance.connect();
    const baseline = await measure(
      async () => {
        await connection.run(
          `COPY (SELECT * FROM read_json('${json}', format = 'newline_delimited', columns = ${DUCK_COLUMNS})) TO '${duck}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${ROW_GROUP_ROWS})`,
        );
        return RECORDS;
      },
      { warm: 1, times: 5 },
    );
    const check = await connection.runAndReadAll(
      `SELECT (SELECT count(*) FROM (SELECT ad_id, url, cost, event_time FROM '${own}' EXCEPT ALL SELECT ad_id, url, cost, event_time FROM (SELECT * REPLACE (to_timestamp(event_time / 1000.0) AS event_time) FROM '${duck}')))::INT`,
    );
    const different = Number(check.getRows()[0]![0]);
    if (different !== 0) throw new Error(`${different} rows differ between the two files`);
    connection.closeSync();
    instance.closeSync();
    const extra = {
      bytesPerRow: (statSync(own).size / RECORDS).toFixed(1),
      baselineBytesPerRow: (statSync(duck).size / RECORDS).toFixed(1),
    };
    const plain = row('parquet from log columns', measured, 'DuckDB read_json + COPY', baseline, {
      target: '>= 2x',
      extra,
    });
    return [plain, await measureRun(folder)];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const DUCK_COLUMNS = `{event_id: 'UUID', event_type: 'VARCHAR', event_time: 'BIGINT', tenant_id: 'VARCHAR', campaign_id: 'VARCHAR', ad_id: 'VARCHAR',
  publisher_id: 'VARCHAR', user_id: 'VARCHAR', ip: 'VARCHAR', country: 'VARCHAR', user_agent: 'VARCHAR', url: 'VARCHAR', cost: 'DECIMAL(18,6)'}`;

const schema = adEvents();

/** Writes the events as NDJSON and answers them as batches of one segment; no row object outlives it. */
function prepare(json: string): Uint8Array[] {
  const rows = adRows(RECORDS);
  writeFileSync(json, rows.map((event) => JSON.stringify(event)).join('\n') + '\n');
  return asSegment(rows);
}

function asSegment(rows: readonly AdRow[]): Uint8Array[] {
  const scope = new DictionaryScope(schema);
  const target = new BatchTarget();
  const batches: Uint8Array[] = [];
  for (let at = 0; at < rows.length; at += BATCH_ROWS) {
    target.position = 0;
    const batch = batchFromRows(schema, rows.slice(at, at + BATCH_ROWS));
    const { bytes } = encodeAttached(
      [{ batch, rows: null }],
      scope,
      { baseOffset: at, receivedAt: 1_750_000_000_000, segmentPosition: at },
      target,
    );
    batches.push(target.bytes.slice(0, bytes));
  }
  return batches;
}

async function writeOwn(segment: readonly Uint8Array[], path: string): Promise<number> {
  const chain = new DictionaryChain();
  const file = realDisk.open(path, 'create');
  await file.truncate(0);
  const writer = new ParquetWriter(schema, fileSink(file));
  for (let at = 0; at < segment.length; at += ROW_GROUP_ROWS / BATCH_ROWS) {
    const slices = segment.slice(at, at + ROW_GROUP_ROWS / BATCH_ROWS).map((bytes) => {
      chain.apply(bytes);
      return { batch: decodeBatch(bytes, schema, chain), rows: null };
    });
    await writer.writeRowGroup(slices);
  }
  const { rows } = await writer.finish();
  file.close();
  return rows;
}
