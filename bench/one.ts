/** Runs one bench by name and writes its rows: `one.ts NAME FILE`. Heaps grow as `millrace start` lets them, for the baselines too. */
import { writeFileSync } from 'node:fs';
import { growHeapsFreely } from '../src/io/heap.js';
import type { BenchRow } from './harness.js';

const [name, file] = process.argv.slice(2);
if (name === undefined || file === undefined || !/^[a-z-]+$/.test(name)) throw new Error('usage: one.ts NAME FILE');
const modules: Readonly<Record<string, () => Promise<{ run(): Promise<readonly BenchRow[]> }>>> = {
  start: () => import('./start.js'),
  decode: () => import('./decode.js'),
  log: () => import('./log.js'),
  http: () => import('./http.js'),
  firehose: () => import('./firehose.js'),
  window: () => import('./window.js'),
  rcf: () => import('./rcf.js'),
  operators: () => import('./operators.js'),
  parquet: () => import('./parquet.js'),
  formats: () => import('./formats.js'),
  'deliver-objects': () => import('./deliver-objects.js'),
  'deliver-partitions': () => import('./deliver-partitions.js'),
  dedupe: () => import('./dedupe.js'),
  summary: () => import('./summary.js'),
  transform: () => import('./transform.js'),
  latency: () => import('./latency.js'),
  deliver: () => import('./deliver.js'),
  'deliver-http': () => import('./deliver-http.js'),
  'deliver-postgres': () => import('./deliver-postgres.js'),
  'deliver-search': () => import('./deliver-search.js'),
  freshness: () => import('./freshness.js'),
  guards: () => import('./guards.js'),
  feed: () => import('./feed.js'),
  pull: () => import('./pull.js'),
  'pull-freshness': () => import('./pull-freshness.js'),
  queries: () => import('./queries.js'),
  'mill-ysb': () => import('./mill/ysb.js'),
  'mill-windows': () => import('./mill/windows.js'),
  'mill-nexmark': () => import('./mill/nexmark/nexmark.js'),
  'mill-views': () => import('./mill/views.js'),
  'mill-groups': () => import('./mill/groups.js'),
  'mill-pauses': () => import('./mill/pauses.js'),
};
const found = modules[name];
if (found === undefined) throw new Error(`no bench is called ${name}; there are: ${Object.keys(modules).join(', ')}`);
growHeapsFreely();
const bench = await found();
writeFileSync(file, JSON.stringify(await bench.run()));
process.exit(0);
