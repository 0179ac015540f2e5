/**
 * A configuration after parsing: every default filled in, every path absolute, every duration in
 * milliseconds, every size in bytes, every key hashed. Plain data, so it crosses threads.
 *
 * Parts of the system take the sections they need, never the whole.
 */
import type { Schema } from '../event/schema.js';
import type { SinkOptions } from './sinks/index.js';
import type { DemoAccessKey, DemoKey } from './tenants-field.js';
import type { TenantsInput } from './tenants.js';
import type { TransformOptions } from './transform-options.js';

/** The whole configuration. */
export interface MillraceOptions {
  /** The configuration file; undefined when it was given as an object. */
  readonly file: string | undefined;
  /** Where relative paths start: the file's folder. */
  readonly folder: string;
  readonly dataFolder: string;
  readonly http: HttpOptions;
  readonly streams: readonly StreamOptions[];
  readonly transforms: readonly TransformOptions[];
  readonly views: readonly ViewText[];
  readonly endpoints: readonly EndpointText[];
  readonly tenants: TenantSourceOptions;
  readonly collect: CollectOptions;
  readonly firehose: FirehoseOptions;
  readonly deliveries: readonly DeliveryOptions[];
  readonly alerts: AlertOptions;
  readonly log: LogOptions;
  readonly mill: MillOptions;
  readonly lake: LakeOptions;
  readonly query: QueryOptions;
  readonly feed: FeedOptions;
  readonly pages: readonly PageOptions[];
  readonly samples: readonly SampleOptions[];
  readonly messages: MessageOptions;
}

/** Where and how HTTP is spoken. */
export interface HttpOptions {
  readonly host: string;
  readonly port: number;
  /** Largest body, after decompression. */
  readonly bodyBytesMax: number;
  /** Most events in one request. */
  readonly batchEventsMax: number;
  readonly eventBytesMax: number;
  readonly connectionsMax: number;
  /** Bytes of bodies being worked on at once; beyond it the answer is 429. */
  readonly pendingBytesMax: number;
  readonly requestTimeoutMs: number;
  /** How long SIGTERM waits for requests under way. */
  readonly drainMs: number;
  /** Whether `X-Forwarded-For` names the visitor. */
  readonly trustProxy: boolean;
}

/** One stream; fits `StreamDefinition` of the log. */
export interface StreamOptions {
  readonly name: string;
  readonly schema: Schema;
  readonly partitions: number;
  readonly clock: 'arrival' | 'event';
  readonly retentionMs: number;
  readonly bytesMax: number;
  readonly policy: 'refuse' | 'cut';
  /** Whether its rows go to the lake. */
  readonly lake: boolean;
  /** Whether its rows come from a transform. Default false. */
  readonly derived?: boolean;
}

/** One delivery. */
export interface DeliveryOptions {
  readonly name: string;
  /** The stream that it reads. */
  readonly from: string;
  readonly sink: SinkOptions;
  /** A SQL condition; null: all rows. */
  readonly filter: string | null;
  /** Hints: what goes out at once. */
  readonly bufferBytes: number;
  readonly bufferMs: number;
  readonly bufferRowsMax: number;
  readonly retry: DeliveryRetryOptions;
  /** Most requests of one portion under way at once. */
  readonly requestsMax: number;
  readonly start: 'oldest' | 'newest';
  /** Of a view's changes: only the first row of each key and period. Default: all rows. */
  readonly once?: OnceOptions;
}

/** Which rows of a view's changes are one alert. Positions count in the schema of the changes stream. */
export interface OnceOptions {
  readonly view: string;
  /** Columns that with the tenant are the key. */
  readonly columns: readonly number[];
  /** Length of a period, ms; null: each window is one. */
  readonly everyMs: number | null;
  /** A row that came so long after its window's end is none, ms; null: it has no window. */
  readonly freshMs: number | null;
  /** A folder of its own. */
  readonly folder: string;
}

/** What alerts of views have in common. */
export interface AlertOptions {
  readonly allowPrivate: boolean | readonly string[];
  readonly timeoutMs: number;
  readonly retry: DeliveryRetryOptions;
}

/** When a sink fails. */
export interface DeliveryRetryOptions {
  readonly minMs: number;
  readonly maxMs: number;
  /** Without success for so long: the quarantine; null: never. */
  readonly deadlineMs: number | null;
}

/** SQL text and where it was read. */
export interface ViewText {
  /** The file, absolute; or `views[0].sql` for text in the configuration itself. */
  readonly file: string;
  readonly text: string;
}

/** The SQL text of a saved endpoint. */
export interface EndpointText extends ViewText {
  /** As it is asked for: the file's name without `.sql`. */
  readonly name: string;
}

/** Tenants and keys: those of the configuration, and a file that may change while running. */
export interface TenantSourceOptions {
  readonly inline: TenantsInput;
  /** A JSON file of the same shape, taken up again when it changes. */
  readonly file: string | undefined;
  /** Keys that are written in clear; printed at start. */
  readonly demoKeys: readonly DemoKey[];
  /** Access keys whose secrets are; printed at start too. */
  readonly demoAccessKeys: readonly DemoAccessKey[];
}

/** The front door behind HTTP. */
export interface CollectOptions {
  /** The stream of `/i`, `/c`, `/postback`, and of `/v1/events` when none is named. */
  readonly defaultStream: string;
  /** How far in the future an event time may be. */
  readonly futureMs: number;
  /** Bytes a tenant may have in the quarantine a day; beyond it: dropped(quarantine_full). */
  readonly quarantineTenantBytesMax: number;
  /** Longest original kept in the quarantine; beyond it, length and hash. */
  readonly quarantineEventBytesMax: number;
  readonly dedupe: DedupeOptions;
  /** Secrets that sign links and click ids: the first signs, all verify. Empty: made at first start and kept in the data folder. */
  readonly signingKeys: readonly { readonly id: string; readonly secret: string }[];
  /** How long a signed click may be redirected while the log does not answer. */
  readonly clickWaitMs: number;
  /** Keys that a guard holds; how far behind it may be, ms. */
  readonly guards: { readonly keysMax: number; readonly behindMaxMs: number };
}

/** The Firehose API. */
export interface FirehoseOptions {
  readonly enabled: boolean;
  /** The only region that signatures may name, and that of ARNs; left out: any, and `us-east-1`. */
  readonly region?: string;
  /** In ARNs. */
  readonly accountId: string;
  /** Addresses that HTTP destinations made through the API may have beside those of the internet. */
  readonly allowPrivate: boolean | readonly string[];
  /** Settings of the sink `s3`, without a bucket. May hold secrets. */
  readonly s3?: Readonly<Record<string, unknown>>;
  /** Where buckets are folders. */
  readonly folder?: string;
  /** Settings of the sink `opensearch` that say where a cluster is, by domain. May hold secrets. */
  readonly domains: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Addresses and absolute paths of functions, by ARN or name. */
  readonly lambda: Readonly<Record<string, string>>;
}

/** Deduplication by event id. */
export interface DedupeOptions {
  readonly windowMs: number;
  readonly idsMax: number;
}

/** The log. */
export interface LogOptions {
  readonly segmentBytes: number;
  /** Bytes waiting for a commit; beyond it appends are refused with 429. */
  readonly pendingBytesMax: number;
}

/** The mill. */
export interface MillOptions {
  /** Memory of one view's open windows; beyond it rows of new keys go to the late stream. */
  readonly stateBytesMax: number;
  readonly checkpointMs: number;
  /** How long a view's definition stays in force after another one has replaced it. */
  readonly epochKeepMs: number;
  /** Whether a new definition answers once it has come as far, or when an operator says so. */
  readonly swap: 'auto' | 'manual';
}

/** The lake. */
export interface LakeOptions {
  readonly runRowsMax: number;
  readonly runMs: number;
}

/** Bounds of one query and of all. */
export interface QueryOptions {
  readonly timeoutMs: number;
  readonly rowsMax: number;
  readonly resultBytesMax: number;
  /** Answers of saved endpoints that are kept. */
  readonly cacheBytesMax: number;
  readonly memoryBytesMax: number;
  readonly concurrentMax: number;
  readonly tenantConcurrentMax: number;
  /** Left out: by the cores of the machine. */
  readonly heavyConcurrentMax?: number;
  readonly waitingMax: number;
  readonly tenantWaitingMax: number;
}

/** Bounds of the changes feed, for one tenant. */
export interface FeedOptions {
  readonly requestsPerSecond: number;
  readonly requestsBurst: number;
  /** Requests under way at once. */
  readonly concurrentMax: number;
}

/** A page served beside the API, such as the demo. */
export interface PageOptions {
  /** Such as `/demo`. */
  readonly path: string;
  readonly file: string;
}

/** A file sent once through the front door after the first start. */
export interface SampleOptions {
  readonly name: string;
  readonly file: string;
  readonly format: 'combined' | 'ndjson' | 'csv';
  readonly stream: string;
  readonly tenant: string;
}

/** What the process says about itself. */
export interface MessageOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly format: 'auto' | 'text' | 'json';
}
