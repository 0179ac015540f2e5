/**
 * Metrics of one thread, and how those of several become one page.
 *
 * Purpose: hot code takes a handle once (`metrics.counter(name, labels)`) and then adds plain
 * numbers to it; nothing is looked up or allocated on the way. Handles write to prom-client only
 * when the page is collected.
 *
 * Limits: a metric holds at most `SERIES_MAX` label combinations. What comes after shares one
 * handle whose label values are all `other`, so hostile values cannot grow memory.
 *
 * Threads: each has its own `Metrics`. Workers answer `collect()` over rpc, the HTTP thread joins
 * the parts with `renderMetrics`: counters and histograms are added up, so are gauges of the same
 * labels.
 */
import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type LabelsOf, type MetricDefinition, type MetricName, type MetricNameOf } from './metric-list.js';

/** Most label combinations of one metric. */
export const SERIES_MAX = 500;

/** The label value that stands for everything beyond `SERIES_MAX`. */
export const OTHER = 'other';

/** A count that rises. */
export interface CounterHandle {
  /** Adds `amount`, 1 when left out. */
  add(amount?: number): void;
  /** What was added so far. */
  readonly value: number;
}

/** A number that moves both ways. */
export interface GaugeHandle {
  set(value: number): void;
  readonly value: number;
}

/** A distribution. */
export interface HistogramHandle {
  observe(value: number): void;
}

/** One thread's metrics as plain data, for the way between threads. */
export type MetricParts = readonly object[];

/** The metrics of one thread. */
export interface Metrics {
  counter<N extends MetricNameOf<'counter'>>(name: N, ...labels: LabelArguments<N>): CounterHandle;
  gauge<N extends MetricNameOf<'gauge'>>(name: N, ...labels: LabelArguments<N>): GaugeHandle;
  histogram<N extends MetricNameOf<'histogram'>>(name: N, ...labels: LabelArguments<N>): HistogramHandle;
  /** Runs `read` before each collection, until the answer is called; for gauges that are cheap to read and costly to keep. */
  onCollect(read: () => void): () => void;
  /** All values, as plain data. */
  collect(): Promise<MetricParts>;
}

/** Labels are left out where a metric has none. */
type LabelArguments<N extends MetricName> = (typeof METRICS)[N]['labels'] extends readonly []
  ? []
  : [labels: LabelsOf<N>];

type Labels = Readonly<Record<string, string>>;

interface Series {
  readonly labels: Labels;
  readonly handle: CountingHandle;
}

/** A number and what of it prom-client has not seen yet. */
class CountingHandle implements CounterHandle, GaugeHandle {
  value = 0;
  collected = 0;

  add(amount = 1): void {
    this.value += amount;
  }

  set(value: number): void {
    this.value = value;
  }
}

/** Makes the metrics of one thread. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const families = new Map<MetricName, Map<string, Series>>();
  const histograms = new Map<string, HistogramHandle>();
  const instruments = new Map<MetricName, Counter | Gauge | Histogram>();
  const readers = new Set<() => void>();

  function instrument(name: MetricName): Counter | Gauge | Histogram {
    let found = instruments.get(name);
    if (found === undefined) instruments.set(name, (found = makeInstrument(name, registry)));
    return found;
  }

  function bounded(name: MetricName, labels: Labels, size: number, known: boolean): Labels {
    if (known || size < SERIES_MAX) return labels;
    series('millrace_metric_series_refused_total', { metric: name }).add();
    return Object.fromEntries(Object.keys(labels).map((key) => [key, OTHER]));
  }

  function series(name: MetricName, given: Labels): CountingHandle {
    let family = families.get(name);
    if (family === undefined) families.set(name, (family = new Map()));
    const labels = bounded(name, given, family.size, family.has(keyOf(given)));
    const key = keyOf(labels);
    let found = family.get(key);
    if (found === undefined) family.set(key, (found = { labels, handle: new CountingHandle() }));
    return found.handle;
  }

  function histogram(name: MetricName, given: Labels): HistogramHandle {
    const labels = bounded(name, given, histograms.size, histograms.has(name + keyOf(given)));
    const key = name + keyOf(labels);
    let found = histograms.get(key);
    if (found === undefined) {
      const target = instrument(name) as Histogram;
      found = { observe: (value) => target.observe(labels, value) };
      histograms.set(key, found);
    }
    return found;
  }

  function flush(): void {
    for (const read of readers) read();
    for (const [name, family] of families) {
      const target = instrument(name);
      for (const { labels, handle } of family.values()) {
        if (target instanceof Gauge) target.set(labels, handle.value);
        else (target as Counter).inc(labels, handle.value - handle.collected);
        handle.collected = handle.value;
      }
    }
  }

  return {
    counter: (name, ...labels) => series(name, labels[0] ?? {}),
    gauge: (name, ...labels) => series(name, labels[0] ?? {}),
    histogram: (name, ...labels) => histogram(name, labels[0] ?? {}),
    onCollect(read) {
      readers.add(read);
      return () => void readers.delete(read);
    },
    async collect() {
      flush();
      return (await registry.getMetricsAsJSON()) as MetricParts;
    },
  };
}

/** The page at `/metrics`: the parts of all threads in Prometheus' text format. */
export async function renderMetrics(parts: readonly MetricParts[]): Promise<string> {
  return AggregatorRegistry.aggregate(parts as object[]).metrics();
}

function makeInstrument(name: MetricName, registry: Registry): Counter | Gauge | Histogram {
  const { type, help, labels, buckets }: MetricDefinition = METRICS[name];
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  if (type === 'counter') return new Counter(options);
  if (type === 'gauge') return new Gauge(options);
  return new Histogram({ ...options, ...(buckets === undefined ? {} : { buckets: [...buckets] }) });
}

function keyOf(labels: Labels): string {
  return JSON.stringify(Object.values(labels));
}
