/** The processes of this machine as a tree, as far as it takes to kill a server with all its children. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Has ended, and waits for its parent to notice. */
  readonly zombie: boolean;
}

const POLL_MS = 5;

function processes(): Process[] {
  if (!existsSync('/proc/self/stat')) {
    const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat='], { encoding: 'utf8' }).trim().split('\n');
    return rows.map((row) => {
      const [pid, parent, state] = row.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), zombie: state!.startsWith('Z') };
    });
  }
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      // `pid (name) state parent …`, and the name may hold anything.
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return [{ pid: Number(name), parent: Number(parent), zombie: state === 'Z' }];
    } catch (error) {
      // It ended while we looked.
      if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code!)) return [];
      throw error;
    }
  });
}

function below(root: number, all: readonly Process[]): number[] {
  const children = all.filter(({ parent }) => parent === root).map(({ pid }) => pid);
  return children.flatMap((pid) => [pid, ...below(pid, all)]);
}

function signal(pid: number, name: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Kills a process and all below it at one moment, and waits until the ones below are gone. */
export async function killTree(root: number): Promise<void> {
  // Stopped, it makes no more children.
  signal(root, 'SIGSTOP');
  const children = new Set(below(root, processes()));
  for (const pid of [root, ...children]) signal(pid, 'SIGKILL');
  while (processes().some(({ pid, zombie }) => children.has(pid) && !zombie)) await sleep(POLL_MS);
}
