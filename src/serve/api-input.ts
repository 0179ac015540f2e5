/** What the API answers from. */
import type { Accounts } from '../collect/accounts.js';
import type { SigningKeys } from '../collect/tracking/signing-keys.js';
import type { FeedOptions } from '../config/options.js';
import type { TenantStore } from '../config/tenant-store.js';
import type { ServedViews } from '../event/served.js';
import type { ViewDescription } from '../event/view.js';
import type { Clock } from '../io/clock.js';
import type { Rpc } from '../io/rpc.js';
import type { EmbeddedLog } from '../log/embedded/open.js';
import type { ReaderLoopStatus } from '../log/stage.js';
import type { MetricParts, Metrics } from '../telemetry/metrics.js';
import type { Audit } from './audit.js';
import type { Explanation } from './explain/explanation.js';
import type { Polls } from './feed/polls.js';
import type { Endpoint } from './endpoints/plan.js';
import type { QuarantineDesk } from './quarantine.js';
import type { Replays } from './replays.js';
import type { StoreMethods } from './store-protocol.js';

/** A view in the mill, as far as the API shows it. */
export interface MillStatus {
  readonly stats: { readonly name: string; readonly late: number };
  readonly reader: ReaderLoopStatus;
}

/** A delivery, as far as the API shows it. */
export interface DeliveryShown {
  readonly delivery: { readonly name: string; readonly from: string };
  readonly reader: ReaderLoopStatus;
}

/** Everything the API needs. */
export interface Api {
  readonly log: EmbeddedLog;
  readonly tenants: TenantStore;
  readonly accounts: Accounts;
  readonly audit: Audit;
  /** Streams with a front door; asked anew each time, since they come and go. */
  readonly streams: readonly string[];
  /** The definitions that answer to the views' names; asked anew each time, since a changed view is swapped for its new definition. */
  readonly views: readonly ViewDescription[];
  /** All definitions that are served. */
  readonly served: ServedViews;
  /** Lets a view's new definition answer; throws NOT_FOUND, VIEW_UNCHANGED, VIEW_BEHIND. */
  readonly swapView: (name: string, force: boolean) => Promise<void>;
  /** How a view stands, and what it would be with another statement; throws NOT_FOUND, SQL_*. */
  readonly explainView: (name: string, sql: string | null) => Promise<Explanation>;
  /** Bounds of the changes feed. */
  readonly feed: FeedOptions;
  /** Sign cursors. */
  readonly signingKeys: SigningKeys;
  /** Who waits for changes; told by the store thread. */
  readonly polls: Polls;
  /** Saved queries. */
  readonly endpoints: readonly Endpoint[];
  /** The store thread of the moment. */
  readonly store: () => Promise<Rpc<StoreMethods>>;
  readonly mill: () => Promise<readonly MillStatus[]>;
  /** Readers of the transforms. */
  readonly transforms: () => Promise<readonly ReaderLoopStatus[]>;
  /** Deliveries and their readers. */
  readonly deliver: () => Promise<readonly DeliveryShown[]>;
  /** Pauses a delivery or lets it go on; throws DELIVERY_UNKNOWN. */
  readonly pauseDelivery: (name: string, paused: boolean) => Promise<void>;
  readonly quarantine: QuarantineDesk;
  readonly replays: Replays;
  /** Readers of the lake. */
  readonly lake: () => Promise<readonly ReaderLoopStatus[]>;
  readonly metrics: Metrics;
  /** Metrics of other threads than this one and the store's. */
  readonly otherMetrics: () => Promise<readonly MetricParts[]>;
  readonly clock: Clock;
  /** The built console; null serves none. */
  readonly consoleFolder: string | null;
  readonly version: string;
  readonly onError: (error: unknown) => void;
}
