/** Real series with real anomalies: hourly prices of ad exchanges, July to September 2011 (`data/ad-exchange`). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One series, by rows. */
export interface Series {
  /** As `exchange-2_cpc`: cost per click; `cpm`: cost per thousand impressions. */
  readonly name: string;
  readonly timesMs: readonly number[];
  readonly values: readonly number[];
  /** First and last row of each window that people labelled as strange. */
  readonly windows: readonly (readonly [number, number])[];
}

const FOLDER = 'bench/data/ad-exchange';

function timeOf(text: string): number {
  return Date.parse(`${text.replace(' ', 'T')}Z`);
}

/** All six, from the repository's folder. */
export function adExchangeSeries(): Series[] {
  const labels = JSON.parse(readFileSync(join(FOLDER, 'windows.json'), 'utf8')) as Record<string, [string, string][]>;
  return Object.entries(labels).map(([name, windows]) => {
    const [, ...lines] = readFileSync(join(FOLDER, `${name}.csv`), 'utf8')
      .trim()
      .split('\n');
    const rows = lines.map((line) => line.trim().split(',') as [string, string]);
    const timesMs = rows.map(([time]) => timeOf(time));
    return {
      name,
      timesMs,
      values: rows.map(([, value]) => Number(value)),
      windows: windows.map(([from, to]) => [timesMs.indexOf(timeOf(from)), timesMs.indexOf(timeOf(to))] as const),
    };
  });
}
