/** A folder of Parquet files under test, read by hyparquet and by no line of ours. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Decoder } from '@toondepauw/node-zstd';
import { parquetReadObjects } from 'hyparquet';
import type { FeedColumn } from '../../../src/event/feed.js';
import { systemClock } from '../../../src/io/clock.js';
import { realDisk } from '../../../src/io/disk-real.js';
import { lockFolder } from '../../../src/io/lock.js';
import { parquetBytes } from '../../../src/format/parquet/writer.js';
import { SCHEMA_KEY } from '../../../src/format/parquet/reader.js';
import { gather } from '../../../src/event/gather.js';
import { batchOf } from '../../../src/event/columns.js';
import { columnFromValues, rowOf } from '../../../src/event/rows.js';
import { columnIndex } from '../../../src/event/schema-define.js';
import type { TargetSeams } from '../../../src/pull/target.js';
import { createParquetTarget } from '../../../src/pull/targets/parquet.js';
import { rowSchema } from '../../../src/pull/targets/parquet/columns.js';
import { readGroups } from '../../../src/pull/targets/parquet/files.js';
import { fileName } from '../../../src/pull/targets/parquet/folder.js';
import type { Manifest } from '../../../src/pull/targets/parquet/manifest.js';
import { cellText, type TargetUnderTest } from '../../conformance/pull-targets.js';

const decoder = new Decoder();
const compressors = { ZSTD: (bytes: Uint8Array) => new Uint8Array(decoder.decodeSync(Buffer.from(bytes))) };

/** The rows of a file, as hyparquet gives them. */
export function readRows(path: string): Promise<Record<string, unknown>[]> {
  const bytes = readFileSync(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  return parquetReadObjects({ file, compressors, utf8: false });
}

/** A manifest, and the folder that it is in. */
export interface Found {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The manifests of all tenants of a table. */
export function manifestsOf(root: string, table: string): Found[] {
  const path = join(root, fileName(table));
  // Before the first page there is no folder.
  const tenants = readdirSync(root).includes(fileName(table)) ? readdirSync(path) : [];
  return tenants.flatMap((tenant) => {
    const folder = join(path, tenant);
    if (!readdirSync(folder).includes('manifest.json')) return [];
    return [{ folder, manifest: JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest }];
  });
}

/** The folder as the suite takes it, and its address. */
export function parquetUnderTest(
  partRows?: number,
): TargetUnderTest & { readonly address: string; readonly root: string } {
  const root = mkdtempSync(join(tmpdir(), 'millrace-parquet-'));
  const without = (guard: string): TargetSeams => ({ statement: (step) => step.replace(guard, '') });
  const input = { path: root, disk: realDisk, clock: systemClock, lock: lockFolder };
  return {
    root,
    address: `parquet:${root}`,
    open: (seams) => createParquetTarget({ ...input, ...(partRows === undefined ? {} : { partRows }) }, seams),
    async rows(table) {
      const all: Record<string, string | null>[] = [];
      for (const { folder, manifest } of manifestsOf(root, table))
        for (const { path } of manifest.files)
          for (const row of await readRows(join(folder, path))) all.push(texts(manifest, row));
      return all;
    },
    tamper: (table, campaign, clicks) => tamper(root, table, campaign, clicks),
    without: {
      revision: without('AND newer(_rev)'),
      tombstones: without('AND NOT buried(_key)'),
      // As a worker would do that saves the cursor by itself.
      transaction: {
        statement(step) {
          const place = /^UPDATE manifest\.millrace_pull SET (.*)$/.exec(step)?.[1];
          if (place === undefined) return step;
          for (const { folder, manifest } of manifestsOf(root, newestTable(root)))
            writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, place: JSON.parse(place) }));
          return step;
        },
      },
    },
    async close() {
      rmSync(root, { recursive: true, force: true });
    },
  };
}

function newestTable(root: string): string {
  const tables = readdirSync(root).filter((name) => !name.startsWith('.'));
  const found = tables.flatMap((name) => manifestsOf(root, decodeURIComponent(name)));
  const number = (name: string): number => Number(/\d+/.exec(name)?.[0] ?? 0);
  return found.map(({ manifest }) => manifest.table).toSorted((a, b) => number(b) - number(a))[0]!;
}

function texts({ columns }: Manifest, row: Record<string, unknown>): Record<string, string | null> {
  const types = new Map(columns.map(({ name, type }) => [name, type]));
  const { _key, ...rest } = row;
  return Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, text(types.get(name) ?? 'text', value)]),
  );
}

function text(type: string, value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (type === 'bytea') return Buffer.from(value as Uint8Array).toString('hex');
  if (type === 'json') return cellText('json', JSON.stringify(value));
  return cellText(type.replace(/\(.*/, '') as FeedColumn['type'], value);
}

/** Writes a file again, with other content under its name. */
async function tamper(root: string, table: string, campaign: string, clicks: number | null): Promise<void> {
  for (const { folder, manifest } of manifestsOf(root, table)) {
    const schema = rowSchema(manifest.columns);
    for (const { path } of manifest.files) {
      const at = columnIndex(schema, 'clicks');
      const batches = [...readGroups(realDisk, join(folder, path), schema)].map((batch) => {
        const rows = Array.from({ length: batch.rows }, (_, row) => rowOf(batch, row));
        if (clicks === null)
          return gather(
            batch,
            rows.flatMap((row, n) => (row['campaign'] === campaign ? [] : [n])),
          );
        const values = rows.map((row) => (row['campaign'] === campaign ? clicks : row['clicks']));
        const column = columnFromValues(schema.columns[at]!, values);
        return batchOf(
          schema,
          batch.rows,
          schema.columns.map((_, n) => (n === at ? column : batch.column(n))),
        );
      });
      const pairs = { [SCHEMA_KEY]: JSON.stringify(schema) };
      writeFileSync(join(folder, path), await parquetBytes(schema, batches, { pairs }));
    }
  }
}
