/**
 * What every bench shares: how a row looks, how CPU is measured, how a table is printed.
 *
 * A row is always measured beside a plain baseline in the same run, on the same data, because the
 * machines differ and drift: only the ratio can be trusted. CPU is the whole process's (all threads).
 */
import { cpus, totalmem } from 'node:os';

/** One measured line. */
export interface BenchRow {
  readonly name: string;
  readonly records: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
  readonly baselineName: string;
  readonly baselineRecords: number;
  readonly baselineCpuSeconds: number;
  /** Records per CPU-second over the baseline's; NaN where a row has no baseline. */
  readonly ratio: number;
  /** What is to be reached, in words. */
  readonly target?: string;
  readonly extra?: Readonly<Record<string, number | string>>;
}

/** What one measured piece of work took. */
export interface Measured {
  readonly records: number;
  readonly cpuSeconds: number;
  readonly wallSeconds: number;
}

/**
 * Runs `work` `warm` times unmeasured, more often until `warmSeconds` are over (what takes a fraction of a second is
 * still being compiled after one run), and `times` measured; answers the run with the median CPU time.
 */
export async function measure(
  work: () => number | Promise<number>,
  options: { warm?: number; warmSeconds?: number; times?: number } = {},
): Promise<Measured> {
  const until = performance.now() + (options.warmSeconds ?? 0) * 1e3;
  for (let i = 0; i < (options.warm ?? 1) || performance.now() < until; i++) await work();
  const runs: Measured[] = [];
  for (let i = 0; i < (options.times ?? 5); i++) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    const records = await work();
    const used = process.cpuUsage(cpu);
    runs.push({ records, cpuSeconds: (used.user + used.system) / 1e6, wallSeconds: (performance.now() - start) / 1e3 });
  }
  runs.sort((a, b) => a.cpuSeconds / a.records - b.cpuSeconds / b.records);
  return runs[runs.length >> 1]!;
}

/** A row out of two measurements. */
export function row(
  name: string,
  measured: Measured,
  baselineName: string,
  baseline: Measured,
  rest: { target?: string; extra?: Readonly<Record<string, number | string>> } = {},
): BenchRow {
  const rate = measured.records / measured.cpuSeconds;
  return {
    name,
    ...measured,
    baselineName,
    baselineRecords: baseline.records,
    baselineCpuSeconds: baseline.cpuSeconds,
    ratio: rate / (baseline.records / baseline.cpuSeconds),
    ...rest,
  };
}

/** Names the machine: model, cores, memory, Node. */
export function machine(): string {
  const [first] = cpus();
  return `${first?.model ?? 'unknown processor'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
}

/** The table as text. */
export function table(rows: readonly BenchRow[]): string {
  const lines = [['what', 'records/CPU-s', 'ratio', 'against', 'target', 'also']];
  for (const r of rows)
    lines.push([
      r.name,
      rateText(r.records / r.cpuSeconds),
      Number.isFinite(r.ratio) ? `${r.ratio.toFixed(1)}x` : '–',
      r.baselineName,
      r.target ?? '',
      Object.entries(r.extra ?? {})
        .map(([key, value]) => `${key} ${typeof value === 'number' ? Math.round(value * 100) / 100 : value}`)
        .join(', '),
    ]);
  const widths = lines[0]!.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function rateText(rate: number): string {
  if (!Number.isFinite(rate)) return '–';
  return rate >= 1e6 ? `${(rate / 1e6).toFixed(2)} M` : rate >= 1e3 ? `${(rate / 1e3).toFixed(0)} k` : rate.toFixed(1);
}
