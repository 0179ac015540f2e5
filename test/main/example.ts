/** The example as `npm start` runs it, as a process of its own. */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

/** A running example. */
export interface Example {
  readonly url: string;
  /** What it printed so far. */
  said(): string;
  stop(): Promise<void>;
}

/** Starts the built program on a free port; resolves when its samples are sent. */
export async function startExample(data: string): Promise<Example> {
  const child = spawn(
    process.execPath,
    ['dist/cli/main.js', 'start', '--config', 'examples/ad-tracking/millrace.config.ts', '--data', data, '--port', '0'],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const ended = new Promise<void>((done) => child.on('exit', () => done()));
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`the example ended:\n${said}`);
      return /sample access-log: /.test(said);
    },
    () => said,
  );
  return {
    url: /Millrace runs at (\S+)/.exec(said)![1]!,
    said: () => said,
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Waits until something is true; the limit is only against hanging for ever. */
export async function until(isTrue: () => Promise<boolean>, says: () => string = () => ''): Promise<void> {
  for (let tries = 0; !(await isTrue()); tries++) {
    if (tries > 1000) throw new Error(`still not so: ${isTrue.toString()}\n${says()}`);
    await sleep(100);
  }
}

/** Queries as the operator. */
export async function ask(example: Example, sql: string): Promise<(string | number | null)[][]> {
  const answer = await fetch(`${example.url}/v1/query`, {
    method: 'POST',
    body: JSON.stringify({ sql }),
    headers: { authorization: 'Bearer mr_demo_operator', 'content-type': 'application/json' },
  });
  if (answer.status !== 200) throw new Error(`${sql}: ${await answer.text()}`);
  return ((await answer.json()) as { rows: (string | number | null)[][] }).rows;
}

/** The account of the access log's stream. */
export async function audit(
  example: Example,
): Promise<{ received: number; delivered: number; pending: number; quarantined: number; duplicates: number }> {
  const answer = await fetch(`${example.url}/v1/audit`, { headers: { authorization: 'Bearer mr_demo_operator' } });
  const { accounts } = (await answer.json()) as {
    accounts: {
      stream: string;
      received: number;
      delivered: number;
      pending: number;
      quarantined: number;
      duplicates: number;
    }[];
  };
  return accounts.find((account) => account.stream === 'web_log')!;
}
