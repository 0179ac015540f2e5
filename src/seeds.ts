/**
 * First rows of tables: `INSERT INTO t VALUES …` in the files of views.
 *
 * Each row is written once. What was written is kept as `<table>.seed.json`: a hash of each row by its key; so a
 * restart writes nothing, and what came for a key since then stands. A row whose INSERT says something else now
 * is written again; one whose INSERT is gone stays. A crash between the write and the file writes the same rows
 * again at the next start, before anything else is taken in.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { batchFromRows } from './event/rows.js';
import type { Schema } from './event/schema.js';
import type { Ground } from './ground.js';
import { readJsonFile, writeJsonFile } from './io/json-file.js';
import type { Log } from './log/log.js';
import { Session } from './mill/session/session.js';
import type { Declared } from './sql/declared.js';
import type { SqlFiles } from './sql/sql-files.js';
import { jsonValue } from './sql/text-value.js';
import type { Value } from './sql/value.js';

const BATCH_ROWS = 8_192;

/** The rows that INSERTs leave in a table, in order of its key. Throws SQL_* of the statement. */
export async function seedRows(files: SqlFiles, table: string): Promise<Record<string, Value>[]> {
  const relation = files.relations.find(({ name }) => name === table)!;
  const session = new Session();
  await session.execute(relation.sql, relation.file);
  for (const { file, sql } of files.inserts.get(table) ?? []) await session.execute(sql, file);
  const key = relation.primaryKey!.map(quoted).join(', ');
  const [result] = await session.execute(`SELECT * FROM ${quoted(table)} ORDER BY ${key}`);
  const { columns, rows } = result!;
  return rows.map((row) => Object.fromEntries(columns.map(({ name }, i) => [name, row[i]!])));
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Writes the first rows of all tables that were not written yet. Throws SQL_*. */
export async function seedTables(
  { disk, options }: Ground,
  log: Log,
  { tables }: Declared,
  files: SqlFiles,
): Promise<void> {
  const folder = join(options.dataFolder, 'tables');
  for (const table of files.inserts.keys()) {
    const { columns, key, stream } = tables.find(({ name }) => name === table)!;
    const { schema } = log.stream(stream)!;
    const keys = key.map((at) => schema.columns[columns[at]!]!.name);
    disk.makeFolder(folder);
    const path = join(folder, `${table}.seed.json`);
    const written = (readJsonFile(disk, path) ?? {}) as Record<string, string>;
    const changed: Record<string, unknown>[] = [];
    for (const row of (await seedRows(files, table)).map((values) => eventOf(schema, values))) {
      const id = JSON.stringify(keys.map((name) => row[name]));
      const hash = createHash('sha256').update(JSON.stringify(row)).digest('base64url').slice(0, 22);
      if (written[id] === hash) continue;
      written[id] = hash;
      changed.push(row);
    }
    for (let from = 0; from < changed.length; from += BATCH_ROWS) {
      const batch = batchFromRows(schema, changed.slice(from, from + BATCH_ROWS));
      await log.append({ batches: [{ stream, rows: batch }] });
    }
    if (changed.length > 0) await writeJsonFile(disk, path, written);
  }
}

/** A row as its stream takes it. */
function eventOf(schema: Schema, values: Readonly<Record<string, Value>>): Record<string, unknown> {
  return Object.fromEntries(
    schema.columns.flatMap(({ name, type }) => {
      const value = values[name] ?? null;
      if (value === null) return [];
      if (type === 'json') return [[name, JSON.parse(value as string) as unknown]];
      if (type === 'bytes') return [[name, Buffer.from(value as Uint8Array).toString('base64')]];
      return [[name, jsonValue(value)]];
    }),
  );
}
