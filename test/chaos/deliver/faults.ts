/** What can go wrong around deliveries, one entry a fault. All of it is undone before the check. */
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../engines/process.js';
import type { Rng } from '../rng.js';
import type { Proxy, ProxyMode } from './proxy.js';

/** What faults can reach. */
export interface Reach {
  readonly rng: Rng;
  readonly engines: Readonly<Record<'s3' | 'search' | 'db', Engine>>;
  readonly proxies: Readonly<Record<'s3' | 'search' | 'db', Proxy>>;
  /** The folder of the directory sink; `small` when its disk can be filled. */
  readonly folder: { readonly path: string; readonly small: boolean };
  readonly server: { kill(): Promise<void>; start(): Promise<void> };
  /** A disk is slow: the process that writes to it is stopped and goes on. */
  readonly serverPid: () => number | undefined;
}

/** A fault: what it is called, how likely it is among the others, and how it is done and undone. */
export interface Fault {
  readonly name: string;
  readonly weight: number;
  run(reach: Reach): Promise<void>;
}

const ENDS = ['s3', 'search', 'db'] as const;

const network = (
  mode: ProxyMode,
  name: string,
  weight: number,
  ends: readonly (typeof ENDS)[number][] = ENDS,
): Fault => ({
  name,
  weight,
  async run({ rng, proxies }) {
    const end = ends[rng.below(ends.length)]!;
    proxies[end].mode = mode;
    await sleep(50 + rng.below(700));
    proxies[end].mode = 'open';
  },
});

const killEngine = (end: (typeof ENDS)[number], weight: number): Fault => ({
  name: `kill -9 of ${end}`,
  weight,
  async run({ rng, engines }) {
    await engines[end].kill();
    await sleep(rng.below(400));
    await engines[end].restart();
  },
});

/** Every fault there is. */
export const FAULTS: readonly Fault[] = [
  {
    name: 'kill -9 of Millrace',
    weight: 8,
    async run({ rng, server }) {
      do {
        await server.kill();
        await server.start();
        await sleep(rng.below(500));
      } while (rng.below(3) === 0);
    },
  },
  killEngine('s3', 3),
  killEngine('db', 3),
  // It takes seconds to come back.
  killEngine('search', 1),
  network('cut', 'network cut', 4),
  network('stalled', 'network stalled', 2),
  network('deaf', 'answers lost', 4),
  network('busy', 'throttling answers', 3, ['s3', 'search']),
  {
    name: 'slow sink',
    weight: 2,
    async run({ rng, engines }) {
      const engine = engines[ENDS[rng.below(3)]!];
      engine.pause();
      await sleep(100 + rng.below(600));
      engine.resume();
    },
  },
  {
    name: 'slow disk',
    weight: 1,
    async run({ rng, serverPid }) {
      // The process stands still in the middle of whatever it writes, as in front of a disk that does not answer.
      for (let times = 1 + rng.below(4); times > 0; times--) {
        const pid = serverPid();
        if (pid === undefined) return;
        process.kill(pid, 'SIGSTOP');
        await sleep(rng.below(150));
        process.kill(pid, 'SIGCONT');
        await sleep(rng.below(50));
      }
    },
  },
  {
    name: 'disk full',
    weight: 2,
    async run({ rng, folder }) {
      if (!folder.small) return;
      const { bavail, bsize } = statfsSync(folder.path);
      const filler = join(folder.path, 'filler');
      try {
        writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - rng.below(20_000))));
      } catch (error) {
        // What Millrace wrote meanwhile took the last of it: it is full all the same.
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
      await sleep(200 + rng.below(500));
      rmSync(filler, { force: true });
    },
  },
];

/** A fault by chance, by weight; with `names`, one of these. */
export function pickFault(rng: Rng, names: readonly string[] | undefined): Fault {
  const faults = FAULTS.filter(({ name }) => names === undefined || names.includes(name));
  let roll = rng.below(faults.reduce((sum, { weight }) => sum + weight, 0));
  for (const fault of faults) {
    if (roll < fault.weight) return fault;
    roll -= fault.weight;
  }
  return faults[0]!;
}
