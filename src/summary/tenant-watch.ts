/**
 * Tenants whose next change somebody waits for: long polls of the changes feed.
 *
 * Purpose: thousands of consumers with nothing to do cost nothing while nothing changes, and a commit
 * costs one look-up a changed tenant while somebody waits. A tenant is told once, when all of a commit
 * is taken in, and must then be watched anew.
 *
 * Limits: one entry a tenant.
 */
import type { TextPool } from './text-pool.js';

/** Watches tenants for one change each. */
export class TenantWatch {
  /** Told of tenants that changed. */
  onChanged: (tenants: readonly string[]) => void = () => undefined;
  readonly #watched = new Set<string>();
  /** Watched tenants that changed in a commit that is not whole yet, by partition. */
  readonly #changed: Set<string>[] = [];

  /** Whether nobody waits. */
  get isIdle(): boolean {
    return this.#watched.size === 0;
  }

  /** Watches a tenant. */
  add(tenant: string): void {
    this.#watched.add(tenant);
  }

  /** Notes the tenants of changed rows, given as codes of a pool. */
  note(pool: TextPool, codes: Int32Array, rows: number, partition: number): void {
    const changed = (this.#changed[partition] ??= new Set());
    const seen = new Set<number>();
    for (let row = 0, last = -1; row < rows; row++) {
      const code = codes[row]!;
      if (code === last || seen.has(code)) continue;
      seen.add((last = code));
      const tenant = pool.stringOf(code);
      if (this.#watched.has(tenant)) changed.add(tenant);
    }
  }

  /** A partition is whole: tells who changed. */
  tell(partition: number): void {
    const changed = this.#changed[partition];
    if (changed === undefined || changed.size === 0) return;
    const tenants = [...changed];
    changed.clear();
    for (const tenant of tenants) this.#watched.delete(tenant);
    this.onChanged(tenants);
  }
}
