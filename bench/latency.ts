/** Latency of the front door: 25,000 events/s in batches of 50 beside 300 single requests a second, open loop. */
import type { BenchRow } from './harness.js';
import { openLoop, percentile, prepareBodies } from './load.js';
import { startPipeline } from './pipeline.js';

/** Seconds of measurement, after as many of warming up / 3. */
const SECONDS = 30;

/** Runs the bench. */
export async function run(): Promise<readonly BenchRow[]> {
  const pipeline = await startPipeline();
  const batches = prepareBodies(500, 50, 11);
  const singles = prepareBodies(300, 1, 12);
  const { url } = pipeline;
  const both = (seconds: number) =>
    Promise.all([
      openLoop({ url, bodies: batches, perSecond: 500, seconds, connections: 32 }),
      openLoop({ url, bodies: singles, perSecond: 300, seconds, connections: 32 }),
    ]);
  await both(SECONDS / 3);
  const cpu = pipeline.cpuSeconds();
  const start = performance.now();
  const [many, one] = await both(SECONDS);
  const wallSeconds = (performance.now() - start) / 1000;
  const cpuSeconds = pipeline.cpuSeconds() - cpu;
  await pipeline.stop();
  const all = [...many.ms, ...one.ms];
  const row = (name: string, ms: readonly number[], records: number, failed: number): BenchRow => ({
    name,
    records,
    cpuSeconds,
    wallSeconds,
    baselineName: 'none: an absolute figure',
    baselineRecords: NaN,
    baselineCpuSeconds: NaN,
    ratio: NaN,
    target: 'p99 < 25 ms',
    extra: { 'p50 ms': percentile(ms, 0.5), 'p99 ms': percentile(ms, 0.99), 'p99.9 ms': percentile(ms, 0.999), failed },
  });
  return [
    row(
      'latency: batches of 50 and singles, all requests',
      all,
      many.ms.length * 50 + one.ms.length,
      many.failed + one.failed,
    ),
    row('latency: batches of 50', many.ms, many.ms.length * 50, many.failed),
    row('latency: single requests', one.ms, one.ms.length, one.failed),
  ];
}
