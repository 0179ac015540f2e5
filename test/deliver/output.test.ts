import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { createSink } from '../../src/deliver/sinks/index.js';
import { sinkConformance } from '../conformance/sinks.js';
import { freshFolder, sinkContext } from './support.js';

sinkConformance('file', async () => {
  const folder = freshFolder();
  const path = join(folder, 'out.ndjson');
  mkdirSync(folder, { recursive: true });
  return {
    make: () => createSink({ type: 'file', path }, sinkContext()),
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
