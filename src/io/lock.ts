/**
 * One process owns a folder.
 *
 * Node has no `flock`, and the usual lock file has a race when two processes find the same dead
 * owner. Here owners are numbered: `owner.1`, `owner.2`, … The highest number owns the folder. To
 * take over from a dead owner N a process creates `owner.N+1` exclusively, which only one can; the
 * numbers never fall, so nobody can act on what it read before. A clean end marks the file released
 * and leaves it. The file is written aside and linked into place, so it is never seen half written.
 *
 * Is the owner alive? On the same machine and boot: is there a process of that number that started
 * at that time (a kill -9 leaves none, and a number used again has another start). From another
 * machine, container or boot of unknown age it can't be asked, so the owner touches its file every
 * `HEARTBEAT_MS`, and it counts as dead when the file stays untouched for `DEAD_AFTER_MS`.
 */
import fs from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { MillraceError } from '../util/errors.js';

const HEARTBEAT_MS = 2_000;
const DEAD_AFTER_MS = 10_000;

interface Owner {
  readonly pid: number;
  /** When the process started, as the system counts it; empty where it can't be told. */
  readonly started: string;
  readonly boot: string;
  readonly host: string;
  /** Processes of another pid namespace (container) can't be looked up. */
  readonly namespace: string;
  readonly released: boolean;
}

/** Takes `folder` for this process; answers the release. Throws DATA_FOLDER_IN_USE naming the owner's pid. */
export async function lockFolder(folder: string): Promise<() => void> {
  fs.mkdirSync(folder, { recursive: true });
  for (;;) {
    const number = highest(folder);
    if (number > 0) await checkFree(folder, number);
    const path = join(folder, `owner.${number + 1}`);
    if (!create(folder, path)) continue;
    for (const old of numbers(folder)) if (old <= number) fs.rmSync(join(folder, `owner.${old}`), { force: true });
    return hold(folder, path);
  }
}

async function checkFree(folder: string, number: number): Promise<void> {
  const path = join(folder, `owner.${number}`);
  const owner = read(path);
  if (owner === null || owner.released) return;
  if (comparable(owner)) {
    if (!alive(owner)) return;
  } else if (!(await touched(path))) return;
  const where = owner.host === hostname() ? '' : ` on ${owner.host}`;
  throw new MillraceError(
    'DATA_FOLDER_IN_USE',
    `process ${owner.pid}${where} is running with this data folder; stop it first, or give another with --data`,
    {
      place: folder,
    },
  );
}

function hold(folder: string, path: string): () => void {
  const timer = setInterval(() => {
    const now = new Date();
    fs.utimes(path, now, now, () => undefined);
  }, HEARTBEAT_MS);
  timer.unref();
  let released = false;
  return () => {
    if (released) return;
    released = true;
    clearInterval(timer);
    const aside = write(folder, { ...self(), released: true });
    fs.renameSync(aside, path);
  };
}

function create(folder: string, path: string): boolean {
  const aside = write(folder, self());
  try {
    fs.linkSync(aside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    fs.rmSync(aside, { force: true });
  }
}

function write(folder: string, owner: Owner): string {
  const aside = join(folder, `owner.new.${process.pid}.${threadId}.${process.hrtime.bigint()}`);
  fs.writeFileSync(aside, JSON.stringify(owner));
  return aside;
}

function read(path: string): Owner | null {
  try {
    return JSON.parse(fs.readFileSync(path, 'utf8')) as Owner;
  } catch (error) {
    // Gone meanwhile, or emptied by a power loss: nobody owns it.
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function numbers(folder: string): number[] {
  return fs.readdirSync(folder).flatMap((name) => {
    const match = /^owner\.(\d+)$/.exec(name);
    return match === null ? [] : [Number(match[1])];
  });
}

function highest(folder: string): number {
  return numbers(folder).reduce((a, b) => Math.max(a, b), 0);
}

function self(): Owner {
  return {
    pid: process.pid,
    started: startedAt(process.pid),
    boot: bootId(),
    host: hostname(),
    namespace: namespace(),
    released: false,
  };
}

function comparable(owner: Owner): boolean {
  return owner.host === hostname() && owner.namespace === namespace();
}

function alive(owner: Owner): boolean {
  if (owner.boot !== bootId()) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return startedAt(owner.pid) === owner.started;
}

/** Whether the owner shows a heartbeat within the time that a living one would. */
async function touched(path: string): Promise<boolean> {
  const before = modified(path);
  if (Date.now() - before > 24 * DEAD_AFTER_MS) return false;
  for (let waited = 0; waited < DEAD_AFTER_MS; waited += 250) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    if (modified(path) !== before) return true;
  }
  return false;
}

function modified(path: string): number {
  return fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Start time of a process in clock ticks since boot (Linux); elsewhere empty. */
function startedAt(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    // No /proc, or no such process.
    return '';
  }
}

function bootId(): string {
  return readOr('/proc/sys/kernel/random/boot_id');
}

function namespace(): string {
  try {
    return fs.readlinkSync('/proc/self/ns/pid');
  } catch {
    // Not Linux: there is one namespace.
    return '';
  }
}

function readOr(path: string): string {
  try {
    return fs.readFileSync(path, 'latin1').trim();
  } catch {
    // Not Linux: pids alone must do.
    return '';
  }
}
