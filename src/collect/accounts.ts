/**
 * What happened to the events of each tenant: the accounts that must close.
 *
 * received = accepted + duplicates + quarantined + dropped(reason). An event counts when its
 * request is answered with success; one that was refused with 429 or 503 is the client's still and
 * counts under `refused` only.
 *
 * Limits: one account a stream and known tenant. What belongs to no known tenant is on `*`.
 */
import { EVERY_TENANT } from '../config/tenants.js';

/** Why an event was neither kept nor quarantined. */
export type DropReason = 'quarantine_full' | 'tenant_unknown';

/** One tenant's counts in one stream since start. */
export interface Account {
  readonly stream: string;
  readonly tenant: string;
  received: number;
  accepted: number;
  duplicates: number;
  quarantined: number;
  /** Rejected events by code, quarantined or dropped. */
  readonly rejected: Record<string, number>;
  readonly dropped: Partial<Record<DropReason, number>>;
  /** Pixels and clicks that were answered although the log had not taken them. */
  unlogged: number;
  /** Events of requests that were answered 429 or 503. */
  refused: number;
}

/** The accounts of all tenants. */
export class Accounts {
  /** Bytes of requests without a valid key; they are never stored. */
  unauthenticatedBytes = 0;
  readonly #accounts = new Map<string, Map<string, Account>>();

  /** The account of a tenant that is known, or of `*`. */
  of(stream: string, tenant: string): Account {
    let tenants = this.#accounts.get(stream);
    if (tenants === undefined) this.#accounts.set(stream, (tenants = new Map()));
    let account = tenants.get(tenant);
    if (account === undefined) {
      account = {
        stream,
        tenant,
        received: 0,
        accepted: 0,
        duplicates: 0,
        quarantined: 0,
        rejected: {},
        dropped: {},
        unlogged: 0,
        refused: 0,
      };
      tenants.set(tenant, account);
    }
    return account;
  }

  /** All accounts, or those of one tenant. */
  *list(tenant?: string): IterableIterator<Readonly<Account>> {
    for (const tenants of this.#accounts.values())
      for (const account of tenants.values()) if (tenant === undefined || account.tenant === tenant) yield account;
  }

  /** The sum over all tenants of a stream. */
  total(stream: string): Account {
    const sum = new Accounts().of(stream, EVERY_TENANT);
    for (const account of this.#accounts.get(stream)?.values() ?? []) {
      for (const name of ['received', 'accepted', 'duplicates', 'quarantined', 'unlogged', 'refused'] as const)
        sum[name] += account[name];
      addAll(sum.rejected, account.rejected);
      addAll(sum.dropped, account.dropped);
    }
    return sum;
  }
}

function addAll(sum: Partial<Record<string, number>>, counts: Partial<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) sum[name] = (sum[name] ?? 0) + (count ?? 0);
}
