import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { createSink } from '../../src/deliver/sinks/index.js';
import { systemClock } from '../../src/io/clock.js';
import { realDisk } from '../../src/io/disk-real.js';
import { systemRandom } from '../../src/io/random.js';
import { sinkConformance } from '../conformance/sinks.js';
import { freshFolder } from './support.js';

sinkConformance('file', async () => {
  const folder = freshFolder();
  const path = join(folder, 'out.ndjson');
  const context = {
    name: 'out',
    stream: 'events',
    requestsMax: 2,
    clock: systemClock,
    random: systemRandom,
    disk: realDisk,
  };
  mkdirSync(folder, { recursive: true });
  return {
    make: () => createSink({ type: 'file', path }, context),
    read: async () => {
      if (!existsSync(path)) return [];
      const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
      return lines.map((line) => (JSON.parse(line) as { id: string }).id);
    },
    guarantee: 'at least once',
    ordered: true,
    close: async () => {
      if (existsSync(path)) renameSync(path, `${path}.read`);
    },
  };
});
