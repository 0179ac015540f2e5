/**
 * What the HTTP thread and the store thread say to each other.
 */
import type { MessagePort } from 'node:worker_threads';
import type { ViewDescription } from '../event/view.js';
import type { ReaderLoopStatus } from '../log/stage.js';
import type { Retention } from '../summary/retention.js';
import type { JsonValue } from '../summary/row-values.js';
import type { MetricParts } from '../telemetry/metrics.js';
import type {
  ChangesAnswer,
  ChangesRequest,
  DigestAnswer,
  DigestRequest,
  FeedViewAnswer,
  RowsAnswer,
  RowsRequest,
} from './feed/reader.js';
import type { ViewDiff } from './diff/view-diff.js';
import type { EndpointAnswer, EndpointRequest } from './endpoints/answers.js';
import type { Endpoint } from './endpoints/plan.js';
import type { ServedTable } from './query/catalog.js';
import type { QueryAnswer, QueryLimits, QueryRequest } from './query/engine.js';
import type { Moved } from '../io/rpc.js';
import type { Granularity } from './rollup/period.js';

/** A view to be kept. */
export interface StoreView {
  readonly view: ViewDescription;
  /** The mill's reader of it, such as `mill.traffic`: says how far the view has come. */
  readonly reader: string;
  /** False for the definition before. */
  readonly isNewest: boolean;
  /** Says which of two definitions answers to the name; see `event/served.ts`. */
  readonly swap?: SharedArrayBuffer;
  /** Where the mill tells how far it is complete; see `mill/progress.ts`. Default nowhere. */
  readonly progress?: SharedArrayBuffer;
}

/** What the store thread is started with. */
export interface StoreThreadData {
  readonly logPort: MessagePort;
  /** The data folder; summaries, temporary files and the lake are below it. */
  readonly dataFolder: string;
  readonly views: readonly StoreView[];
  /** How long each view keeps rows, by its name. */
  readonly retentions: Readonly<Record<string, Retention>>;
  /** Streams that queries may name. */
  readonly streams: readonly string[];
  /** Tables that SQL declares. Default none. */
  readonly tables?: readonly ServedTable[];
  readonly limits: Partial<QueryLimits>;
  readonly endpoints: readonly Endpoint[];
  /** Bytes of their answers that are kept. */
  readonly cacheBytesMax: number;
  /** Memory of DuckDB. */
  readonly memoryBytesMax: number;
}

/** Which rows of a view. */
export interface RowRange {
  /** Null: of all tenants. */
  readonly tenant: string | null;
  /** Windows that start at or after, and before; ms. Null: the newest `WINDOWS_SHOWN`. */
  readonly from: number | null;
  readonly to: number | null;
  readonly limit: number;
  /** Rows of longer periods instead of the view's windows. */
  readonly rollUp?: { readonly granularity: Granularity; readonly zone: string };
}

/** How many windows are given when nobody says from when. */
export const WINDOWS_SHOWN = 240;

/** Rows of a view for a chart: columns by name, and `state`. */
export interface ViewRows {
  /** The rows are sums over all tenants, one a window: there were too many to give each. */
  readonly summed: boolean;
  readonly rows: readonly Readonly<Record<string, JsonValue>>[];
  /** There were more than the limit; the newest are here. */
  readonly truncated: boolean;
  /** Of a roll-up. */
  readonly granularity?: Granularity;
  readonly zone?: string;
  /** Measures that have no exact value for longer periods, and what the view should have instead. */
  readonly leftOut?: readonly { readonly column: string; readonly instead: string }[];
}

/** New rows of a stream. */
export interface TailPage {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  /** Where to go on, by partition. */
  readonly offsets: readonly number[];
  /** Rows left out because they were too many. */
  readonly skipped: number;
}

/** A view as the store sees it. */
export interface ViewStatus {
  readonly name: string;
  readonly openRows: number;
  readonly openBytes: number;
  readonly closedRows: number;
  /** Windows in memory. */
  readonly windows: number;
  /** Parquet files of closed windows. */
  readonly files: number;
  readonly freshnessMs: number | null;
  readonly completeThrough: number | null;
  readonly reader: ReaderLoopStatus;
}

/** What the store thread is doing. */
export interface StoreStatus {
  readonly views: readonly ViewStatus[];
  readonly queries: { readonly running: number; readonly waiting: number };
}

/** What the store thread can be asked; a view is a definition of it, by `keyOf`. */
export interface StoreMethods {
  /** Resolves when summaries and queries can be asked. */
  ready(): Promise<void>;
  query(request: QueryRequest): Promise<Moved<QueryAnswer>>;
  feedView(view: string, tenant: string): Promise<FeedViewAnswer>;
  feedChanges(view: string, request: ChangesRequest): Promise<Moved<ChangesAnswer>>;
  feedRows(view: string, request: RowsRequest): Promise<Moved<RowsAnswer>>;
  feedDigest(view: string, request: DigestRequest): Promise<DigestAnswer>;
  /** Has `changed` told once when a tenant has something newer than a revision. */
  feedWatch(view: string, tenant: string, revision: number): Promise<void>;
  endpoint(request: EndpointRequest): Promise<EndpointAnswer>;
  rows(view: string, range: RowRange): Promise<ViewRows>;
  /** The new definition of a view, by its name, against the one before; null where there is one only. */
  diff(name: string, tenant: string | null, limit: number): Promise<ViewDiff | null>;
  tail(stream: string, offsets: readonly number[] | null, tenant: string | null, limit: number): Promise<TailPage>;
  status(): Promise<StoreStatus>;
  metrics(): Promise<MetricParts>;
  /** From now on views keep rows so long. */
  retain(retentions: Readonly<Record<string, Retention>>): Promise<void>;
  /** Lets queries name these streams, and no others. */
  follow(streams: readonly string[]): Promise<void>;
  /** Resolves when a view has taken in what is durable now. */
  reached(view: string): Promise<void>;
  /** Resolves when every view has taken in what is durable now. */
  caughtUp(): Promise<void>;
  stop(): Promise<void>;
}

/** What the store thread tells its parent. */
export interface StoreEvents {
  /** Tenants that were watched have changes in a view. */
  changed(view: string, tenants: readonly string[]): void;
  /** Something went wrong that is not the asker's fault. */
  problem(part: string, message: string): void;
}
