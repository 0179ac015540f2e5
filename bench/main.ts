/** `npm run bench [NAME …] [--json FILE]`: every bench, or those named, as one table. */
import { runBenches } from './run-benches.js';

const BENCHES = [
  'start',
  'decode',
  'log',
  'http',
  'firehose',
  'window',
  'rcf',
  'operators',
  'parquet',
  'formats',
  'deliver-objects',
  'deliver-partitions',
  'dedupe',
  'summary',
  'transform',
  'deliver',
  'deliver-http',
  'deliver-search',
  'deliver-postgres',
  'latency',
  'freshness',
  'guards',
  'feed',
  'pull',
  'pull-freshness',
  'queries',
] as const;

runBenches(BENCHES, process.argv.slice(2));
