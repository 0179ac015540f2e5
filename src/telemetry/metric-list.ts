/**
 * The one list of metrics. `docs/reference/metrics.md` is printed from it.
 *
 * Names follow Prometheus: `millrace_<what>_<unit>`, `_total` for counters, seconds and bytes as
 * units. A label has few values by construction: `tenant` is never one (15,000 advertisers); what
 * concerns one tenant is in the audit and in `/v1/stats`.
 */

/** How a metric counts. */
export type MetricType = 'counter' | 'gauge' | 'histogram';

/** One metric. */
export interface MetricDefinition {
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** Every metric there is, in the order of the path. */
export const METRICS = {
  // 1 collect
  millrace_http_requests_total: {
    type: 'counter',
    help: 'HTTP requests answered, by route and class of status (2xx, 3xx, 4xx, 5xx).',
    labels: ['route', 'status'],
  },
  millrace_http_request_seconds: {
    type: 'histogram',
    help: 'From the first byte of a request to the end of its answer.',
    labels: ['route'],
    buckets: SECONDS,
  },
  millrace_events_received_total: {
    type: 'counter',
    help: 'Events read from requests of a known tenant, by stream.',
    labels: ['stream'],
  },
  millrace_events_accepted_total: {
    type: 'counter',
    help: 'Events written to the log and answered, by stream.',
    labels: ['stream'],
  },
  millrace_events_duplicate_total: {
    type: 'counter',
    help: 'Events answered as duplicates of an id within the window, by stream.',
    labels: ['stream'],
  },
  millrace_events_quarantined_total: {
    type: 'counter',
    help: 'Events sent to the quarantine, by stream and error code.',
    labels: ['stream', 'code'],
  },
  millrace_events_dropped_total: {
    type: 'counter',
    help: 'Events neither kept nor quarantined, by reason.',
    labels: ['reason'],
  },
  millrace_guard_events_total: {
    type: 'counter',
    help: 'Events that a guard met, by its view and what became of them: labelled, blocked, redirected, unavailable (passed with the label guard_unavailable).',
    labels: ['view', 'outcome'],
  },
  millrace_guard_keys: {
    type: 'gauge',
    help: 'Keys that a guard holds, by its view.',
    labels: ['view'],
  },
  millrace_guard_evicted_keys_total: {
    type: 'counter',
    help: 'Keys that left a guard because it held collect.guardKeysMax, by its view.',
    labels: ['view'],
  },
  millrace_guard_lag_seconds: {
    type: 'gauge',
    help: 'How far a guard is behind the events, by its view; -1 while that is not known.',
    labels: ['view'],
  },
  millrace_unauthenticated_bytes_total: {
    type: 'counter',
    help: 'Bytes of requests without a valid key. They are counted and never stored.',
    labels: [],
  },
  millrace_decode_path_total: {
    type: 'counter',
    help: 'Rows by the decoder that took them: fast, general or parse (JSON.parse).',
    labels: ['path'],
  },
  millrace_unlogged_total: {
    type: 'counter',
    help: 'Pixels and clicks that were answered although the log had not taken them, by route: pixel or click.',
    labels: ['route'],
  },
  millrace_dedupe_ids: { type: 'gauge', help: 'Event ids remembered for deduplication.', labels: [] },
  millrace_dedupe_window_seconds: {
    type: 'gauge',
    help: 'How far back event ids are really remembered.',
    labels: [],
  },
  // 2 log
  millrace_log_commits_total: { type: 'counter', help: 'Group commits synced to disk.', labels: [] },
  millrace_log_commit_seconds_total: {
    type: 'counter',
    help: 'Time in write and fdatasync of all commits.',
    labels: [],
  },
  millrace_log_rows_total: { type: 'counter', help: 'Rows on disk, by stream.', labels: ['stream'] },
  millrace_log_bytes_total: { type: 'counter', help: 'Bytes appended since the start.', labels: [] },
  millrace_log_disk_bytes: { type: 'gauge', help: 'Bytes of log on disk.', labels: [] },
  millrace_log_segments: { type: 'gauge', help: 'Segment files on disk.', labels: [] },
  millrace_log_writable: { type: 'gauge', help: '1 while the log takes writes, 0 while it answers 503.', labels: [] },
  millrace_log_failed_commits_total: { type: 'counter', help: 'Commits whose write or sync failed.', labels: [] },
  millrace_log_dictionary_full_total: {
    type: 'counter',
    help: 'Columns whose dictionary reached its limit: the rest of the segment holds raw bytes.',
    labels: [],
  },
  millrace_log_cut_rows_total: {
    type: 'counter',
    help: 'Rows that the disk bound took from a reader that still needed them (policy `cut`), by reader and stream.',
    labels: ['reader', 'stream'],
  },
  millrace_reader_lag_rows: {
    type: 'gauge',
    help: 'Rows a reader has not committed yet.',
    labels: ['reader', 'stream'],
  },
  millrace_reader_lag_seconds: {
    type: 'gauge',
    help: 'Age of the oldest row a reader has not committed yet.',
    labels: ['reader', 'stream'],
  },
  // 3 transform
  millrace_transform_rows_total: {
    type: 'counter',
    help: 'Rows of a transform, by outcome: read = ok + filtered + quarantined + dropped; written are those that came out.',
    labels: ['transform', 'outcome'],
  },
  millrace_transform_under_way_rows: {
    type: 'gauge',
    help: 'Rows that a transform has read and not committed.',
    labels: ['transform'],
  },
  millrace_transform_restarts_total: {
    type: 'counter',
    help: 'Threads of functions that were ended (time, memory) and started anew, by transform.',
    labels: ['transform'],
  },
  // 4 deliver
  millrace_delivery_rows_total: {
    type: 'counter',
    help: 'Rows by delivery and what became of them: ok, filtered, quarantined, dropped, missing (the sink did not say).',
    labels: ['delivery', 'outcome'],
  },
  millrace_delivery_bytes_total: {
    type: 'counter',
    help: 'Bytes brought to the sink, as they went over, by delivery.',
    labels: ['delivery'],
  },
  millrace_delivery_objects_total: {
    type: 'counter',
    help: 'Objects, documents or messages made in the sink, by delivery.',
    labels: ['delivery'],
  },
  millrace_delivery_retries_total: {
    type: 'counter',
    help: 'Requests sent again, by delivery.',
    labels: ['delivery'],
  },
  millrace_delivery_failures_total: {
    type: 'counter',
    help: 'Attempts that failed, by delivery.',
    labels: ['delivery'],
  },
  millrace_delivery_pending_rows: {
    type: 'gauge',
    help: 'Rows in the log that are not delivered, by delivery.',
    labels: ['delivery'],
  },
  millrace_delivery_oldest_seconds: {
    type: 'gauge',
    help: 'Age of the oldest row taken up and not delivered, by delivery.',
    labels: ['delivery'],
  },
  millrace_delivery_paused: { type: 'gauge', help: '1 while a delivery is paused.', labels: ['delivery'] },
  millrace_delivery_breaker_open: {
    type: 'gauge',
    help: '1 while the sink is taken to be down and one request at a time tries it.',
    labels: ['delivery'],
  },
  // 5 mill
  millrace_mill_rows_total: { type: 'counter', help: 'Source rows aggregated, by view.', labels: ['view'] },
  millrace_mill_late_total: {
    type: 'counter',
    help: 'Rows beyond the allowed lateness, sent to the late stream, by view.',
    labels: ['view'],
  },
  millrace_mill_open_keys: { type: 'gauge', help: 'Keys in open windows, by view.', labels: ['view'] },
  millrace_mill_failed_rows_total: {
    type: 'counter',
    help: 'Rows a view could not evaluate, sent to the late stream with the reason, by view.',
    labels: ['view'],
  },
  millrace_mill_state_full_total: {
    type: 'counter',
    help: 'Rows refused because the state was full, sent to the late stream, by view.',
    labels: ['view'],
  },
  millrace_mill_state_shed_total: {
    type: 'counter',
    help: 'Groups let go of to make room, and rows for windows closed early, sent to the late stream, by view.',
    labels: ['view'],
  },
  millrace_mill_spilled_keys: {
    type: 'gauge',
    help: 'Keys of state that are on disk alone, by view.',
    labels: ['view'],
  },
  millrace_mill_state_bytes: { type: 'gauge', help: 'Memory of open windows, by view.', labels: ['view'] },
  // 6 lake
  millrace_lake_rows: { type: 'gauge', help: 'Rows in the lake, by stream.', labels: ['stream'] },
  millrace_lake_files: { type: 'gauge', help: 'Parquet files in the lake, by stream.', labels: ['stream'] },
  millrace_lake_bytes: { type: 'gauge', help: 'Bytes in the lake, by stream.', labels: ['stream'] },
  millrace_lake_commits_total: { type: 'counter', help: 'Snapshots committed, by stream.', labels: ['stream'] },
  millrace_lake_written_bytes_total: {
    type: 'counter',
    help: 'Bytes of Parquet written, runs and merged files, by stream.',
    labels: ['stream'],
  },
  // 7 summary
  millrace_summary_stored_rows: {
    type: 'gauge',
    help: 'Rows stored, by view and state: open or closed.',
    labels: ['view', 'state'],
  },
  millrace_summary_refused_rows_total: {
    type: 'counter',
    help: "Rows that came when their window was beyond the view's retention; nobody sees them.",
    labels: ['view'],
  },
  millrace_freshness_seconds: {
    type: 'gauge',
    help: 'From the stamp of the newest event of a view to its row being readable.',
    labels: ['view'],
  },
  // 8 serve
  millrace_queries_total: { type: 'counter', help: 'Queries, by outcome: ok or the error code.', labels: ['outcome'] },
  millrace_query_seconds: { type: 'histogram', help: 'From statement to the last row.', labels: [], buckets: SECONDS },
  millrace_queries_running: { type: 'gauge', help: 'Queries running now.', labels: [] },
  millrace_queries_waiting: { type: 'gauge', help: 'Queries waiting for their turn.', labels: [] },
  millrace_feed_polls: { type: 'gauge', help: 'Long polls of the changes feed that wait.', labels: [] },
  millrace_feed_lag_revisions: {
    type: 'histogram',
    help: 'How far behind consumers were when they told.',
    labels: ['view'],
    buckets: [0, 1, 10, 100, 1_000, 10_000, 100_000, 1_000_000],
  },
  millrace_endpoint_answers_total: {
    type: 'counter',
    help: 'Answers of saved endpoints, by outcome: hit (from memory, or unchanged) or miss.',
    labels: ['endpoint', 'outcome'],
  },
  millrace_endpoint_cache_bytes: { type: 'gauge', help: 'Bytes of answers kept for saved endpoints.', labels: [] },
  millrace_live_followers: { type: 'gauge', help: 'Open live tails.', labels: [] },
  // the process
  millrace_resident_bytes: { type: 'gauge', help: 'Resident memory of the process.', labels: [] },
  millrace_metric_series_refused_total: {
    type: 'counter',
    help: 'Label values beyond the limit of a metric; they count under "other".',
    labels: ['metric'],
  },
  // the pull worker, at its own --metrics-port
  millrace_pull_pages_total: { type: 'counter', help: 'Pages that a pull worker took, by view.', labels: ['view'] },
  millrace_pull_rows_total: {
    type: 'counter',
    help: "Rows that a pull worker wrote to or removed from the advertisers' tables, by view.",
    labels: ['view'],
  },
  millrace_pull_errors_total: {
    type: 'counter',
    help: 'Failed attempts of a pull worker, by error code.',
    labels: ['code'],
  },
  millrace_pull_lag_revisions: {
    type: 'gauge',
    help: 'Revisions that the table furthest behind has still to get, by view; revisions are shared by tenants.',
    labels: ['view'],
  },
  millrace_pull_freshness_seconds: {
    type: 'gauge',
    help: 'Age of the newest window that is complete in the table furthest behind, by view.',
    labels: ['view'],
  },
  millrace_pull_current: {
    type: 'gauge',
    help: 'Tables that have all that their server had when it was last asked, by view.',
    labels: ['view'],
  },
} as const satisfies Record<string, MetricDefinition>;

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;

/** Names of the metrics of one type. */
export type MetricNameOf<T extends MetricType> = {
  [N in MetricName]: (typeof METRICS)[N]['type'] extends T ? N : never;
}[MetricName];

/** The labels of a metric, each with its value. */
export type LabelsOf<N extends MetricName> = { readonly [L in (typeof METRICS)[N]['labels'][number]]: string };
