/** Opens any input as events. */
import { basename } from 'node:path';
import { AccessLogReader } from './access-log.js';
import { csvEvents, eventText, type CsvOptions } from './csv.js';
import { openBytes } from './file.js';
import type { EventSource, InputFormat } from './input.js';
import { jsonValues } from './json-values.js';
import { linesOf } from './lines.js';

/** How to read a file. */
export interface InputOptions {
  /** Default: by the file's name. */
  readonly format?: InputFormat;
  /** What ids of access log lines start with. Default: the file's name. */
  readonly name?: string;
  /** Fields that every event gets which doesn't have them; not for NDJSON and JSON, which are sent as they are. */
  readonly set?: Readonly<Record<string, string>>;
  readonly csv?: CsvOptions;
}

/** The format that a file's name suggests; Firehose objects have no ending, and `json` reads NDJSON too. */
export function formatOf(path: string): InputFormat {
  const name = basename(path).replace(/\.gz$/, '');
  if (/\.(ndjson|jsonl)$/.test(name)) return 'ndjson';
  if (name.endsWith('.csv')) return 'csv';
  return /\.log$|^access/.test(name) ? 'combined' : 'json';
}

/** Opens a file, `-` for standard input. Throws NOT_FOUND; reading throws BODY_MALFORMED for bad gzip or CSV. */
export async function openInput(path: string, options: InputOptions = {}): Promise<EventSource> {
  const { bytes, progress } = await openBytes(path);
  const format = options.format ?? formatOf(path);
  return { groups: groupsOf(bytes, format, path, options), progress };
}

function groupsOf(
  bytes: AsyncIterable<Buffer>,
  format: InputFormat,
  path: string,
  options: InputOptions,
): AsyncIterable<readonly Uint8Array[]> {
  if (format === 'ndjson') return ndjson(bytes);
  if (format === 'json') return jsonValues(bytes);
  if (format === 'csv') return texts(csvEvents(bytes, options.csv ?? {}, path), options.set);
  return texts(accessLog(bytes, options.name ?? basename(path)), options.set);
}

async function* ndjson(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  for await (const lines of linesOf(bytes)) {
    const events = lines.filter((line) => !isBlank(line));
    if (events.length > 0) yield events;
  }
}

function isBlank(line: Buffer): boolean {
  return line.every((byte) => byte === 32 || byte === 9);
}

/** A line in another format stays as it is, for the server to reject. */
async function* accessLog(bytes: AsyncIterable<Buffer>, name: string): AsyncGenerator<(object | Buffer)[]> {
  const reader = new AccessLogReader(name);
  for await (const lines of linesOf(bytes)) {
    const events = lines.map((line) => reader.read(line.toString()) ?? line);
    yield events.filter((event) => !(event instanceof Buffer && isBlank(event)));
  }
}

async function* texts(
  groups: AsyncIterable<readonly (object | Buffer)[]>,
  set: Readonly<Record<string, string>> = {},
): AsyncGenerator<Buffer[]> {
  for await (const group of groups)
    yield group.map((event) => (event instanceof Buffer ? event : Buffer.from(eventText({ ...set, ...event }))));
}
