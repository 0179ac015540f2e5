/**
 * Rejected events of known tenants, as rows of the quarantine stream.
 *
 * Limits: `quarantineEventBytesMax` of each original (beyond it length and hash stay), and
 * `quarantineTenantBytesMax` a tenant and day; what comes after that is counted as
 * dropped(quarantine_full). The quota is taken when the row is made and given back when its append fails.
 */
import { createHash } from 'node:crypto';
import type { ColumnBatch } from '../event/columns.js';
import { QUARANTINE_SCHEMA } from '../event/internal.js';
import { batchFromRows } from '../event/rows.js';
import type { Clock } from '../io/clock.js';
import type { ErrorCode } from '../util/errors.js';

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
const TEXT_MAX = 512;

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
    const rows: Record<string, unknown>[] = [];
    const kept = rejected.map((one) => {
      const bytes = ROW_BYTES + Math.min(one.original.length, this.#eventBytesMax);
      const used = this.#used.get(one.tenant) ?? 0;
      if (used + bytes > this.#tenantBytesMax) return false;
      this.#used.set(one.tenant, used + bytes);
      taken.push({ tenant: one.tenant, bytes });
      rows.push(this.#row(one));
      return true;
    });
    return {
      batch: rows.length === 0 ? null : batchFromRows(QUARANTINE_SCHEMA, rows),
      kept,
      giveBack: () => {
        for (const { tenant, bytes } of taken)
          this.#used.set(tenant, Math.max(0, (this.#used.get(tenant) ?? 0) - bytes));
      },
    };
  }

  #row({ tenant, stream, index, code, message, path, original, eventId }: Rejected): Record<string, unknown> {
    return {
      tenant,
      stage: 'collect',
      stream,
      code,
      message: message.slice(0, TEXT_MAX),
      path: path === null || path === '' ? null : path.slice(0, TEXT_MAX),
      index,
      attempts: 1,
      original: original.length <= this.#eventBytesMax ? original : null,
      original_length: original.length,
      original_hash: createHash('sha256').update(original).digest('hex'),
      event_id: eventId,
    };
  }

  #turnDay(): void {
    const day = Math.floor(this.#clock.now() / DAY_MS);
    if (day === this.#day) return;
    this.#day = day;
    this.#used.clear();
  }
}
