/**
 * A real ClickHouse 26.7: its engine, embedded by the package `chdb` in a process of its own, behind a front of ours
 * that speaks the HTTP interface (see `clickhouse-front/`). Tables, inserts, deduplication and errors are ClickHouse's.
 *
 * What was learned:
 * - The package is 540 MB, so it is an engine and no dependency.
 * - One process has one data folder. A second engine is a second process.
 * - `insert_deduplication_token` works on a plain MergeTree from `non_replicated_deduplication_window` on; without that
 *   setting of the table it is taken and does nothing, as on a server.
 * - `async_insert` is on by default since 26.x, and waits for its flush.
 */
import { build } from 'esbuild';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineFolder } from '../../scripts/engines/list.js';
import { freePort, launch, type Engine, type EngineOptions } from './process.js';

/** A running ClickHouse. */
export interface ClickHouse extends Engine {
  /** Such as `http://127.0.0.1:20123`. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

const FRONT = fileURLToPath(new URL('./clickhouse-front/main.ts', import.meta.url));

/** Starts ClickHouse; about 0.5 s and 0.3 GB. */
export async function startClickHouse(options: EngineOptions = {}): Promise<ClickHouse> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const [username, password] = ['default', 'pass/word+for=tests'];
  const engine = await launch('clickhouse', options, async (folder) => {
    const front = path.join(folder, 'front.mjs');
    await build({
      entryPoints: [FRONT],
      outfile: front,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
    });
    const data = path.join(folder, 'data');
    return {
      command: process.execPath,
      args: [front, engineFolder('clickhouse'), data, String(port), username, password],
      ready: async () => (await (await fetch(`${url}/ping`)).text()) === 'Ok.\n',
    };
  });
  return Object.assign(engine, { url, username, password });
}
