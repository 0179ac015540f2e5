/**
 * Events of known tenants that failed, as rows of the quarantine stream.
 *
 * Limits: `quarantineEventBytesMax` of each original (beyond it length and hash stay), and
 * `quarantineTenantBytesMax` a tenant and day; what comes after that is counted as
 * dropped(quarantine_full). The quota is taken when the row is made and given back when its append fails.
 */
import type { ColumnBatch } from './columns.js';
import type { Clock } from '../io/clock.js';
import type { ErrorCode } from '../util/errors.js';
import { quarantineBatch } from './quarantine-batch.js';

/** An event that failed. */
export interface FailedEvent {
  readonly tenant: string;
  /** Where: default `collect`. */
  readonly stage?: 'collect' | 'transform' | 'deliver';
  /** Which transform or delivery, by name. */
  readonly reader?: string;
  readonly stream: string;
  /** Where it is in `stream`, if it came that far. */
  readonly place?: { readonly partition: number; readonly offset: number };
  /** Position in its request, or in its batch. */
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly path: string | null;
  readonly original: Uint8Array;
  readonly eventId: string | null;
  /** Default 1. */
  readonly attempts?: number;
  /** First and last attempt, ms. */
  readonly times?: { readonly firstMs: number; readonly lastMs: number };
}

/** Rows for the quarantine, and what had no room there. */
export interface QuarantineRows {
  /** Null when there are none. */
  readonly batch: ColumnBatch | null;
  /** Whether each failed event is in `batch`. */
  readonly kept: readonly boolean[];
  /** The append failed: the quota is as before. */
  giveBack(): void;
}

/** What a row costs beside its original. */
const ROW_BYTES = 256;
const DAY_MS = 86_400_000;

/** Makes quarantine rows within the quotas. */
export class Quarantine {
  readonly #clock: Clock;
  readonly #tenantBytesMax: number;
  readonly #eventBytesMax: number;
  #day = -1;
  /** Bytes by tenant on `#day`. Tenants are known ones, so input can't grow it. */
  readonly #used = new Map<string, number>();

  constructor(options: { clock: Clock; tenantBytesMax: number; eventBytesMax: number }) {
    this.#clock = options.clock;
    this.#tenantBytesMax = options.tenantBytesMax;
    this.#eventBytesMax = options.eventBytesMax;
  }

  /** Rows for `failed`, as far as the quotas go. */
  take(failed: readonly FailedEvent[]): QuarantineRows {
    this.#turnDay();
    const taken: { tenant: string; bytes: number }[] = [];
    const rows: FailedEvent[] = [];
    const kept = failed.map((one) => {
      const bytes = ROW_BYTES + Math.min(one.original.length, this.#eventBytesMax);
      const used = this.#used.get(one.tenant) ?? 0;
      if (used + bytes > this.#tenantBytesMax) return false;
      this.#used.set(one.tenant, used + bytes);
      taken.push({ tenant: one.tenant, bytes });
      rows.push(one);
      return true;
    });
    return {
      batch: rows.length === 0 ? null : quarantineBatch(rows, this.#eventBytesMax),
      kept,
      giveBack: () => {
        for (const { tenant, bytes } of taken)
          this.#used.set(tenant, Math.max(0, (this.#used.get(tenant) ?? 0) - bytes));
      },
    };
  }

  #turnDay(): void {
    const day = Math.floor(this.#clock.now() / DAY_MS);
    if (day === this.#day) return;
    this.#day = day;
    this.#used.clear();
  }
}
