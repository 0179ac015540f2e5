import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { MillraceError } from '../../src/util/errors.js';
import { definition, events, freshFolder, idsOf, open, removeFolders } from './support.js';

let mounted: string | null = null;

afterEach(() => {
  if (mounted !== null) spawnSync('umount', [mounted]);
  mounted = null;
  removeFolders();
});

/** A file system of 4 MiB of its own; needs root. Answers why not, or null. */
function mountSmall(folder: string): string | null {
  mkdirSync(folder, { recursive: true });
  if (process.platform !== 'linux') return 'a small file system can only be made on Linux';
  const result = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder], { encoding: 'utf8' });
  if (result.status !== 0)
    return `a small file system can't be mounted: ${(result.stderr || result.error?.message || '').trim()}`;
  mounted = folder;
  return null;
}

test(
  'a disk that is really full: 503, the process lives, and goes on when there is room',
  { timeout: 60_000 },
  async (context) => {
    const folder = join(freshFolder(), 'small');
    const reason = mountSmall(folder);
    if (reason !== null) context.skip(reason);
    const ballast = join(folder, 'ballast');
    writeFileSync(ballast, new Uint8Array(2 * 1024 * 1024));
    const problems: (string | null)[] = [];
    const log = await open(join(folder, 'log'), {
      options: { segmentBytes: 1 << 19, firstSegmentBytes: 1 << 18, retryEveryMs: 20 },
      onProblem: (problem) => problems.push(problem?.code ?? null),
    });
    await log.createStream(definition('events'));
    let taken = 0;
    let code = 'done';
    while (code === 'done' && taken < 1_000_000) {
      code = await log.append({ batches: [{ stream: 'events', rows: events(2_000, taken) }] }).then(
        () => 'done',
        (error: unknown) => (error as MillraceError).code,
      );
      if (code === 'done') taken += 2_000;
    }
    expect(code).toBe('LOG_DISK_FULL');
    expect(taken).toBeGreaterThan(10_000);
    expect(log.range('events', 0)).toEqual({ start: 0, end: taken });
    rmSync(ballast);
    while (log.stats().state !== 'writing') await new Promise((resolve) => setTimeout(resolve, 10));
    await log.append({ batches: [{ stream: 'events', rows: events(3, taken) }] });
    expect(problems).toEqual(['LOG_DISK_FULL', null]);
    expect(idsOf(log, 'events', 0, taken)).toEqual([`e${taken}`, `e${taken + 1}`, `e${taken + 2}`]);
    await log.close();
    const again = await open(join(folder, 'log'));
    expect(again.range('events', 0)).toEqual({ start: 0, end: taken + 3 });
    await again.close();
  },
);
