import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatCount } from './format.js';
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
    const { current } = plot;
    if (current === null) return;
    current.setData([series.times.map((ms) => ms / 1_000), [...series.values]]);
    // Without a pointer over it, the legend tells the newest window.
    if (current.cursor.idx === null || current.cursor.idx === undefined)
      current.setLegend({ idx: series.times.length - 1 });
  }, [series, label, windowMs, theme]);

  return <div className="chart" ref={holder} data-testid="chart" data-points={series.times.length} />;
}

function height(element: HTMLElement): number {
  return element.clientWidth < 560 ? 200 : 260;
}

/** A window's start: to the second only where windows are shorter than a minute. */
function timeText(ms: number, windowMs: number): string {
  return new Date(ms)
    .toISOString()
    .slice(0, windowMs < 60_000 ? 19 : 16)
    .replace('T', ' ');
}

/** Times below the axis: the day under the first, and under each that begins one. */
function timeTexts(splits: readonly number[], stepSeconds: number): string[] {
  const texts = splits.filter(Number.isFinite).map((seconds) => new Date(seconds * 1_000).toISOString());
  if (stepSeconds >= 86_400) return texts.map((text) => text.slice(5, 10));
  const clock = (text: string) => text.slice(11, stepSeconds < 60 ? 19 : 16);
  return texts.map((text, i) =>
    i === 0 || text.slice(0, 10) !== texts[i - 1]!.slice(0, 10) ? `${clock(text)}\n${text.slice(5, 10)}` : clock(text),
  );
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
    scales: {
      x: { time: true, range: (_, from, to) => [from - windowMs / 2_000, to + windowMs / 2_000] },
      y: { range: (_, __, top) => [0, top > 0 ? top * 1.12 : 1] },
    },
    axes: [
      { ...axis, values: (_, splits, __, ___, step) => timeTexts(splits, step) },
      { ...axis, size: 56, values: (_, splits) => splits.map(formatCount) },
    ],
    series: [
      {
        label: 'window (UTC)',
        value: (_, seconds) => (Number.isFinite(seconds) ? timeText(seconds * 1_000, windowMs) : '–'),
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
