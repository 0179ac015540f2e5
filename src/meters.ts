/** What the log, the mill and the lake say about themselves, as metrics: read when the page is collected. */
import type { EmbeddedLog } from './log/embedded/open.js';
import type { ReaderLoopStatus } from './log/stage.js';
import type { LakeThreadMethods } from './lake/thread.js';
import type { DeliverThreadMethods } from './deliver/thread.js';
import type { MillMethods } from './mill/thread.js';
import type { TransformMethods } from './transform/thread.js';
import { createMetrics, type CounterHandle, type MetricParts, type Metrics } from './telemetry/metrics.js';

/** Lets the log's numbers be read at each collection. */
export function meterLog(metrics: Metrics, log: EmbeddedLog): void {
  metrics.onCollect(() => {
    const stats = log.stats();
    raise(metrics.counter('millrace_log_commits_total'), stats.commits);
    raise(metrics.counter('millrace_log_commit_seconds_total'), stats.syncSecondsSum);
    raise(metrics.counter('millrace_log_bytes_total'), stats.bytesWritten);
    raise(metrics.counter('millrace_log_failed_commits_total'), stats.failedCommits);
    raise(metrics.counter('millrace_log_dictionary_full_total'), stats.dictionariesFull);
    for (const { name, rows } of stats.streams)
      raise(metrics.counter('millrace_log_rows_total', { stream: name }), rows);
    metrics.gauge('millrace_log_disk_bytes').set(stats.bytesOnDisk);
    metrics.gauge('millrace_log_segments').set(stats.segments);
    metrics.gauge('millrace_log_writable').set(stats.state === 'writing' ? 1 : 0);
    metrics.gauge('millrace_resident_bytes').set(process.memoryUsage.rss());
  });
}

/** The mill's and the lake's numbers, as metrics of their own. */
export class StageMeters {
  readonly #metrics = createMetrics();

  /** Takes what the stages say now; answers all of it. */
  async collect(
    transform: Awaited<ReturnType<TransformMethods['status']>>,
    mill: Awaited<ReturnType<MillMethods['status']>>,
    lake: Awaited<ReturnType<LakeThreadMethods['status']>>,
    deliver: Awaited<ReturnType<DeliverThreadMethods['status']>>,
  ): Promise<MetricParts> {
    const metrics = this.#metrics;
    for (const { stats, reader } of transform) {
      const labels = { transform: stats.name };
      for (const outcome of ['read', 'ok', 'filtered', 'quarantined', 'dropped', 'written'] as const)
        raise(metrics.counter('millrace_transform_rows_total', { ...labels, outcome }), stats[outcome]);
      raise(metrics.counter('millrace_transform_restarts_total', labels), stats.restarts);
      metrics.gauge('millrace_transform_under_way_rows', labels).set(stats.underWay);
      this.#reader(reader);
    }
    for (const { stats, reader } of mill) {
      const view = { view: stats.name };
      raise(metrics.counter('millrace_mill_rows_total', view), stats.rows);
      raise(metrics.counter('millrace_mill_late_total', view), stats.late);
      raise(metrics.counter('millrace_mill_failed_rows_total', view), stats.failed);
      raise(metrics.counter('millrace_mill_state_full_total', view), stats.stateFull);
      raise(metrics.counter('millrace_mill_state_shed_total', view), stats.stateShed);
      metrics.gauge('millrace_mill_spilled_keys', view).set(stats.spilled);
      metrics.gauge('millrace_mill_open_keys', view).set(stats.groups);
      metrics.gauge('millrace_mill_state_bytes', view).set(stats.stateBytes);
      this.#reader(reader);
    }
    for (const { lake: stats, reader } of lake) {
      const stream = { stream: stats.stream };
      metrics.gauge('millrace_lake_rows', stream).set(stats.rows);
      metrics.gauge('millrace_lake_files', stream).set(stats.files);
      metrics.gauge('millrace_lake_bytes', stream).set(stats.bytes);
      raise(metrics.counter('millrace_lake_commits_total', stream), stats.commits);
      raise(metrics.counter('millrace_lake_written_bytes_total', stream), stats.bytesWritten);
      this.#reader(reader);
    }
    for (const { delivery, reader } of deliver) {
      const labels = { delivery: delivery.name };
      for (const outcome of ['ok', 'filtered', 'quarantined', 'dropped', 'missing'] as const)
        raise(metrics.counter('millrace_delivery_rows_total', { ...labels, outcome }), delivery.totals[outcome]);
      raise(metrics.counter('millrace_delivery_bytes_total', labels), delivery.totals.bytes);
      raise(metrics.counter('millrace_delivery_objects_total', labels), delivery.totals.objects);
      raise(metrics.counter('millrace_delivery_retries_total', labels), delivery.retries);
      raise(metrics.counter('millrace_delivery_failures_total', labels), delivery.failures);
      metrics.gauge('millrace_delivery_pending_rows', labels).set(delivery.pendingRows);
      metrics.gauge('millrace_delivery_oldest_seconds', labels).set(delivery.oldestMs / 1000);
      metrics.gauge('millrace_delivery_paused', labels).set(delivery.paused ? 1 : 0);
      metrics.gauge('millrace_delivery_breaker_open', labels).set(delivery.breaker === 'closed' ? 0 : 1);
      this.#reader(reader);
    }
    return metrics.collect();
  }

  #reader({ id, positions, lagRows, lagMs }: ReaderLoopStatus): void {
    const labels = { reader: id, stream: positions[0]?.stream ?? '' };
    this.#metrics.gauge('millrace_reader_lag_rows', labels).set(lagRows);
    this.#metrics.gauge('millrace_reader_lag_seconds', labels).set(lagMs / 1000);
  }
}

/** Brings a counter up to a total that somebody else counts; a total that began anew at 0 leaves it. */
function raise(counter: CounterHandle, total: number): void {
  if (total > counter.value) counter.add(total - counter.value);
}
