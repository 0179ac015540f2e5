/**
 * Nexmark's queries 0 to 22, each over the same events of an auction house from the log on disk, by events (of all
 * streams that it reads) a CPU-second; `MILLRACE_BENCH_NEXMARK_EVENTS` of them, of all streams together.
 *
 * What differs from the originals is said in each `.sql`.
 */
import { readFileSync } from 'node:fs';
import type { BenchRow } from '../../harness.js';
import { compare } from '../compare.js';
import { Rig } from '../rig.js';
import { nexmarkArrivals, STREAMS } from './generator.js';
import { PLAIN } from './plain.js';

const EVENTS = Number(process.env['MILLRACE_BENCH_NEXMARK_EVENTS'] ?? 1_000_000);
const PART = 60_000;
const TARGETS: Readonly<Record<number, string>> = { 5: '>= 1.5 M/CPU-s', 7: '>= 1.5 M/CPU-s' };

/** Runs the bench; `MILLRACE_BENCH_NEXMARK_QUERIES` names some of the queries: `5,7`. */
export async function run(): Promise<BenchRow[]> {
  const part = await Rig.open(STREAMS, nexmarkArrivals(PART));
  await part.write('events.ndjson', nexmarkArrivals(PART));
  const rig = await Rig.open(STREAMS, nexmarkArrivals(EVENTS));
  const rows: BenchRow[] = [];
  const only = process.env['MILLRACE_BENCH_NEXMARK_QUERIES']?.split(',').map(Number);
  for (const [number, plain] of PLAIN.entries()) {
    if (only !== undefined && !only.includes(number)) continue;
    const sql = readFileSync(`bench/mill/nexmark/q${number}.sql`, 'utf8');
    const target = TARGETS[number];
    const line = await compare({
      name: `Nexmark q${number}`,
      sql,
      rig,
      part: { rig: part, file: 'events.ndjson', records: PART },
      plain,
      times: 1,
      ...(target === undefined ? {} : { target }),
    });
    rows.push(line);
  }
  await rig.close();
  await part.close();
  return rows;
}
