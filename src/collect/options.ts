/** What the front door is made of and its limits; every part gets them and takes what it needs. */
import type { IncomingMessage } from 'node:http';
import type { FirehoseOptions } from '../config/options.js';
import type { TenantStore } from '../config/tenant-store.js';
import type { Clock } from '../io/clock.js';
import type { Random } from '../io/random.js';
import type { Log } from '../log/log.js';
import type { Metrics } from '../telemetry/metrics.js';
import type { Accounts } from './accounts.js';
import type { Dedupe } from './dedupe/dedupe.js';
import type { Guards } from './guards/guards.js';
import type { StreamAdmin } from './protocols/firehose/admin.js';
import type { SigningKeys } from './tracking/signing-keys.js';

/** Limits and choices. */
export interface CollectLimits {
  /** The stream of `/i`, `/c`, `/postback`, and of `/v1/events` when none is named. */
  readonly defaultStream: string;
  readonly bodyBytesMax: number;
  readonly batchEventsMax: number;
  readonly eventBytesMax: number;
  /** Bytes of all bodies under way; beyond it 429. */
  readonly pendingBytesMax: number;
  /** How far in the future an event time may be. */
  readonly futureMs: number;
  readonly quarantineTenantBytesMax: number;
  readonly quarantineEventBytesMax: number;
  /** How long a click waits for the log. */
  readonly clickWaitMs: number;
  readonly trustProxy: boolean;
}

/** The defaults of `CollectLimits`; those of the configuration. */
export const COLLECT_DEFAULTS: CollectLimits = {
  defaultStream: 'events',
  bodyBytesMax: 8 * 1024 * 1024,
  batchEventsMax: 10_000,
  eventBytesMax: 64 * 1024,
  pendingBytesMax: 64 * 1024 * 1024,
  futureMs: 600_000,
  quarantineTenantBytesMax: 64 * 1024 * 1024,
  quarantineEventBytesMax: 64 * 1024,
  clickWaitMs: 200,
  trustProxy: false,
};

/** The defaults of the Firehose API. */
export const FIREHOSE_DEFAULTS: FirehoseOptions = {
  enabled: true,
  accountId: '000000000000',
  allowPrivate: false,
  domains: {},
  lambda: {},
};

/** What the front door is made of. */
export interface CollectInput {
  readonly log: Log;
  readonly dedupe: Dedupe;
  readonly tenants: TenantStore;
  readonly signingKeys: SigningKeys;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly limits?: Partial<CollectLimits>;
  readonly firehose?: FirehoseOptions;
  /** The streams that take events, and what changes them. */
  readonly streams: StreamAdmin;
  /** Views that act on events; default none. */
  readonly guards?: Guards;
  /** Told of errors that are bugs or trouble; nothing about single events. */
  readonly onError: (error: unknown) => void;
}

/** What the parts of the front door share. */
export interface CollectServices extends CollectInput {
  readonly limits: CollectLimits;
  readonly firehose: FirehoseOptions;
  readonly accounts: Accounts;
  /** Counts the bytes of a request that may not send. */
  readonly unauthenticated: (request: IncomingMessage) => void;
}
