import { useEffect, useState } from 'react';

interface SparklineProps {
  readonly values: readonly number[];
  /** Values over its whole width. */
  readonly kept: number;
}

/** The last values as a line, the newest at the right; decoration beside the number itself. */
export function Sparkline({ values, kept }: SparklineProps) {
  if (values.length < 2) return <svg className="sparkline" aria-hidden="true" />;
  const top = Math.max(...values, 1);
  const x = (i: number) => ((kept - values.length + i) / (kept - 1)) * 100;
  const y = (value: number) => 28 - (value / top) * 26;
  const line = values.map((value, i) => `${x(i).toFixed(2)},${y(value).toFixed(2)}`).join(' ');
  return (
    <svg className="sparkline" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <polygon points={`${x(0)},30 ${line} 100,30`} />
      <polyline points={line} />
    </svg>
  );
}

/** The last `kept` values of a number that is sampled at `atMs`. */
export function useHistory(atMs: number | undefined, value: number | undefined, kept: number): readonly number[] {
  const [values, setValues] = useState<readonly number[]>([]);
  useEffect(() => {
    if (atMs !== undefined && value !== undefined) setValues((before) => [...before, value].slice(-kept));
  }, [atMs, value, kept]);
  return values;
}
