/**
 * Rejected events of known tenants, as rows of the quarantine stream.
 *
 * Limits: `quarantineEventBytesMax` of each original (beyond it length and hash stay), and
 * `quarantineTenantBytesMax` a tenant and day; what comes after that is counted as
 * dropped(quarantine_full). The quota is taken when the row is made and given back when its append fails.
 */
import type { ColumnBatch } from '../event/columns.js';
import type { Clock } from '../io/clock.js';
import type { ErrorCode } from '../util/errors.js';
import { quarantineBatch } from './quarantine-batch.js';

/** A rejected event. */
export interface Rejected {
  readonly tenant: string;
  readonly stream: string;
  /** Position in its request. */
  readonly index: number;
  readonly code: ErrorCode;
  readonly message: string;
  readonly path: string | null;
  readonly original: Uint8Array;
  readonly eventId: string | null;
}

/** Rows for the quarantine, and what had no room there. */
export interface QuarantineRows {
  /** Null when there are none. */
  readonly batch: ColumnBatch | null;
  /** Whether each rejected event is in `batch`. */
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

  /** Rows for `rejected`, as far as the quotas go. */
  take(rejected: readonly Rejected[]): QuarantineRows {
    this.#turnDay();
    const taken: { tenant: string; bytes: number }[] = [];
    const rows: Rejected[] = [];
    const kept = rejected.map((one) => {
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
