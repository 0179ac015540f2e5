/** The streams of a pipeline that SQL declares and that transforms make, beside those of the configuration. */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { TableFiles } from './collect/table-files.js';
import type { TableFile } from './collect/table-files.js';
import type { MillraceOptions, StreamOptions } from './config/options.js';
import type { Schema } from './event/schema.js';
import type { Ground } from './ground.js';
import type { Log } from './log/log.js';
import { sinkDeliveries } from './sinks.js';
import type { ServedTable } from './serve/query/catalog.js';
import { declare } from './sql/declared.js';
import type { Declared, DeclaredStream } from './sql/declared.js';
import { readSqlFiles } from './sql/sql-files.js';
import type { SqlFiles } from './sql/sql-files.js';
import { withDerivedStreams } from './transform/plan.js';

/** Options with every stream, and what SQL declares. */
export interface DeclaredOptions {
  readonly options: MillraceOptions;
  readonly declared: Declared;
  readonly files: SqlFiles;
}

const WEEK_MS = 7 * 86_400_000;
/** A table is kept for as long as anybody can mean. */
const TABLE_RETENTION_MS = 100 * 366 * 86_400_000;

/** Reads what the SQL files declare, then plans the transforms. Throws SQL_*, CONFIG_INVALID. */
export async function withDeclared(given: MillraceOptions): Promise<DeclaredOptions> {
  const files = await readSqlFiles(given.views);
  const declared = declare(files.relations, new Map(given.streams.map((stream) => [stream.name, stream])));
  const streams = [...given.streams, ...declared.streams.map(streamOptions)];
  const options = await withDerivedStreams({ ...given, streams });
  return {
    declared,
    files,
    options: { ...options, deliveries: [...options.deliveries, ...sinkDeliveries(files, options)] },
  };
}

/** A declared stream, as a configured one. */
export function streamOptions({ clock, isTable, name, schema }: DeclaredStream): StreamOptions {
  return {
    name,
    schema,
    clock,
    partitions: 1,
    retentionMs: isTable ? TABLE_RETENTION_MS : WEEK_MS,
    bytesMax: 50 * 1024 ** 3,
    policy: 'refuse',
    lake: true,
  };
}

/** Declared tables as queries see them. */
export function servedTables(
  { tables }: Declared,
  streams: readonly { name: string; schema: Schema }[],
): ServedTable[] {
  return tables.flatMap(({ columns, key, name, stream }) => {
    const schema = streams.find((one) => one.name === stream)?.schema;
    if (schema === undefined) return [];
    const names = columns.map((column) => schema.columns[column]!.name);
    return [{ name, stream, columns: names, key: key.map((at) => names[at]!) }];
  });
}

/** Fills tables from their files, and follows those. Paths count from the SQL file that names them. */
export async function openTableFiles(
  { closers, clock, disk, messages, options }: Ground,
  log: Log,
  { tables }: Declared,
): Promise<void> {
  const files = await TableFiles.open({
    log,
    disk,
    clock,
    folder: join(options.dataFolder, 'tables'),
    tables: tables.flatMap(({ columns, file, key, name, stream }): TableFile[] => {
      const schema = log.stream(stream)!.schema;
      if (file === null) return [];
      const folder = file.from !== undefined && isAbsolute(file.from) ? dirname(file.from) : options.folder;
      const keys = key.map((at) => schema.columns[columns[at]!]!.name);
      return [{ name, stream, schema, key: keys, file: resolve(folder, file.path) }];
    }),
    onError: ({ name, file }, error) =>
      messages.error({ table: name, file, err: error }, 'the table keeps its rows: its file was not taken'),
  });
  closers.add(() => files.close());
}
