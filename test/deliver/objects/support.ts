import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parse } from 'csv-parse/sync';
import { Decoder } from '@toondepauw/node-zstd';
import { parquetReadObjects } from 'hyparquet';
import { sinkField, type SinkOptionsOf } from '../../../src/config/sinks/index.js';
import type { SinkContext } from '../../../src/deliver/sink.js';
import { systemClock } from '../../../src/io/clock.js';
import { realDisk } from '../../../src/io/disk-real.js';
import type { ObjectStore } from '../../../src/io/objects.js';
import { systemNetwork } from '../../../src/io/network.js';
import { systemRandom } from '../../../src/io/random.js';
import { SCHEMA } from '../support.js';

/** A sink's settings, parsed as a configuration's. */
export function directoryOptions(path: string, rest: object = {}): SinkOptionsOf<'directory'> {
  return sinkField.parse({ type: 'directory', path, ...rest }) as SinkOptionsOf<'directory'>;
}

/** What the sink of a test is made with. */
export const CONTEXT: SinkContext = {
  name: 'out',
  stream: 'events',
  requestsMax: 4,
  clock: systemClock,
  random: systemRandom,
  disk: realDisk,
  network: systemNetwork,
  schema: SCHEMA,
};

/** All objects of a folder, by key. */
export function objectsIn(folder: string): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const look = (at: string): void => {
    for (const name of readdirSync(at).toSorted()) {
      const path = join(at, name);
      if (name === '.millrace-tmp') continue;
      if (statSync(path).isDirectory()) look(path);
      else found.set(relative(folder, path), readFileSync(path));
    }
  };
  look(folder);
  return found;
}

/** A row as all formats have it: texts, null where there is nothing. */
export type TextRow = Readonly<Record<string, string | null>>;

/** Reads an object by readers that share no code with the writers. */
export async function readObject(
  bytes: Buffer,
  { format, compression = 'none' }: { readonly format: string; readonly compression?: string | undefined },
): Promise<TextRow[]> {
  if (format === 'parquet') return readParquet(bytes);
  const plain =
    compression === 'gzip' ? gunzipSync(bytes) : compression === 'zstd' ? new Decoder().decodeSync(bytes) : bytes;
  if (format === 'csv') {
    // A null is nothing and an empty text is `""`.
    const records = parse(plain, {
      columns: true,
      cast: (value, { quoting, header }) => (header || quoting || value !== '' ? value : null),
    }) as Record<string, string | null>[];
    return records;
  }
  const lines = plain.toString().split('\n').slice(0, -1);
  return lines.map((line) => asTexts(JSON.parse(line) as Record<string, unknown>));
}

async function readParquet(bytes: Buffer): Promise<TextRow[]> {
  const file = new Uint8Array(bytes).buffer;
  const compressors = { ZSTD: (page: Uint8Array): Uint8Array => new Decoder().decodeSync(Buffer.from(page)) };
  const rows = await parquetReadObjects({ file, compressors });
  return rows.map((row) => asTexts(row as Record<string, unknown>));
}

/** Values as texts, whatever a format makes of them. */
export function asTexts(row: Readonly<Record<string, unknown>>): TextRow {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, asText(value)]));
}

function asText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (value instanceof Date) return String(value.getTime());
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** A store whose process is killed at its nth put: before it, or when it is there and nobody knows. */
export class KilledStore {
  isDead = false;
  readonly #store: ObjectStore;
  #left: number;
  readonly #when: 'before' | 'after';
  /** What a put's key becomes; for controls. */
  readonly #renamed: (key: string) => string;

  constructor(store: ObjectStore, left: number, when: 'before' | 'after', renamed = (key: string) => key) {
    this.#store = store;
    this.#left = left;
    this.#when = when;
    this.#renamed = renamed;
  }

  /** As the sink has it. */
  get store(): ObjectStore {
    const inner = this.#store;
    return {
      name: inner.name,
      put: async (key, body, options) => {
        if (this.isDead) throw new Error('killed');
        const isLast = --this.#left < 0;
        if (isLast) this.isDead = true;
        if (!isLast || this.#when === 'after') {
          const result = await inner.put(this.#renamed(key), body, options);
          if (!isLast) return result;
        }
        throw new Error('killed');
      },
      get: (key, options) => inner.get(key, options),
      head: (key, options) => inner.head(key, options),
      list: (prefix, options) => inner.list(prefix, options),
      delete: (key, options) => inner.delete(key, options),
      createMultipart: (key, options) => inner.createMultipart(key, options),
      uploadPart: (upload, number, body, options) => inner.uploadPart(upload, number, body, options),
      completeMultipart: (upload, parts, options) => inner.completeMultipart(upload, parts, options),
      abortMultipart: (upload, options) => inner.abortMultipart(upload, options),
      listMultiparts: (prefix, options) => inner.listMultiparts(prefix, options),
      close: () => inner.close(),
    };
  }
}
