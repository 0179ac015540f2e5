/** A Millrace in its own process, as a user starts it. */
import { spawn, type ChildProcess } from 'node:child_process';

/** A started process and how to end it. */
export interface Started {
  readonly url: string;
  /** All that it printed so far. */
  output(): string;
  /** Sends SIGTERM and answers the exit code. */
  stop(): Promise<number | null>;
  kill(): void;
}

const START_MS_MAX = 60_000;

/** Starts `millrace start --json` and waits until it listens. Throws with its output when it ends before. */
export async function startProcess(
  command: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Promise<Started> {
  const child = spawn(command, [...args, '--json'], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  const ended = new Promise<number | null>((done) => child.once('close', (code) => done(code)));
  child.stderr!.on('data', (part: Buffer) => (output += part.toString()));
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not started after ${START_MS_MAX} ms:\n${output}`)), START_MS_MAX);
    let lines = '';
    child.stdout!.on('data', (part: Buffer) => {
      output += part.toString();
      lines += part.toString();
      const started = /^\{"event":"started".*$/m.exec(lines);
      if (started === null) return;
      clearTimeout(timer);
      resolve((JSON.parse(started[0]) as { url: string }).url);
    });
    void ended.then((code) => {
      clearTimeout(timer);
      reject(new Error(`ended with ${code} before it listened:\n${output}`));
    });
  }).catch((error: unknown) => {
    killGroup(child);
    throw error;
  });
  return {
    url,
    output: () => output,
    async stop() {
      // To the whole group: npx runs a shell that runs the command.
      process.kill(-child.pid!, 'SIGTERM');
      return ended;
    },
    kill: () => killGroup(child),
  };
}

/** Ends the process and what it started (npx starts a child of its own). */
function killGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Asks again until `look` answers something else than undefined. */
export async function until<T>(what: string, look: () => Promise<T | undefined>, waitMs = 120_000): Promise<T> {
  const end = Date.now() + waitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(`gave up waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
