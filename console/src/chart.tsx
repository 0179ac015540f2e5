import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useTheme } from './session.js';

/** A line over time: x in ms, one y a point; null leaves a gap. */
export interface Series {
  readonly times: readonly number[];
  readonly values: readonly (number | null)[];
}

interface ChartProps {
  readonly series: Series;
  readonly label: string;
  readonly windowMs: number;
}

/** One measure of a view, a bar a window, live. */
export function Chart({ series, label, windowMs }: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const [theme] = useTheme();

  useEffect(() => {
    const element = holder.current!;
    const made = new uPlot(options(element, label, windowMs), [[], []], element);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: height(element) }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [label, windowMs, theme]);

  useEffect(() => {
    plot.current?.setData([series.times.map((ms) => ms / 1_000), [...series.values]]);
  }, [series, label, windowMs, theme]);

  return <div className="chart" ref={holder} data-testid="chart" data-points={series.times.length} />;
}

function height(element: HTMLElement): number {
  return element.clientWidth < 560 ? 200 : 260;
}

function options(element: HTMLElement, label: string, windowMs: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color('--quiet'),
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui',
  };
  return {
    width: element.clientWidth,
    height: height(element),
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1_000), 'Etc/UTC'),
    legend: { show: true, live: true },
    cursor: { y: false, points: { size: 7 } },
    scales: { x: { time: true }, y: { range: (_, __, top) => [0, top > 0 ? top * 1.12 : 1] } },
    axes: [axis, { ...axis, size: 56 }],
    series: [
      {
        label: 'window (UTC)',
        value: (_, seconds) =>
          seconds === null
            ? '–'
            : new Date(seconds * 1_000)
                .toISOString()
                .slice(0, windowMs < 60_000 ? 19 : 16)
                .replace('T', ' '),
      },
      {
        label,
        stroke: color('--accent'),
        fill: color('--accent-soft'),
        width: 2,
        paths: uPlot.paths.bars!({ size: [0.82, 28], radius: 0.18 }),
        points: { show: false },
      },
    ],
  };
}
