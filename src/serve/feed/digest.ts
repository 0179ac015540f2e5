/**
 * Digests: what a tenant's rows come to, a UTC day of window starts at a time, so that a consumer
 * can find out whether its own rows are the same without moving them.
 */
import { EVERY_TENANT } from '../../config/tenants.js';
import { hashText, keyTextHash, rowHash, type DayDigest } from '../../event/feed.js';
import { decimalText } from '../../event/decimal.js';
import { revisionOf } from '../../summary/row-id.js';
import { bigintAt, DELETED, type RowSet } from '../../summary/row-set.js';
import { NULL_CODE } from '../../summary/text-pool.js';
import type { ViewStore } from '../../summary/view-store.js';
import type { StoredFeedColumn } from './columns.js';
import type { RowJson } from './row-json.js';
import { tenantSlices } from './slices.js';

const DAY_MS = 86_400_000;
/** Longest time that a digest keeps the thread. */
const SLICE_MS = 5;

/** Adds up one measure. */
interface Sum {
  add(rows: RowSet, row: number): void;
  text(): string;
}

/**
 * The days of windows that start in `from <= start < to`. Gives way between slices; `whole` resolves when
 * the tenant's rows are those between two commits.
 *
 * Rows may change meanwhile. Then a day says as its newest revision what the tenant's is by then, and who
 * has not come as far can't compare it yet.
 */
export async function digestDays(
  store: ViewStore,
  json: RowJson,
  { tenant, from, to }: { readonly tenant: string; readonly from: number; readonly to: number },
  whole: () => Promise<void>,
): Promise<readonly DayDigest[]> {
  // A consumer knows a view over all tenants by the name that the address has.
  const named = tenant === '' ? EVERY_TENANT : tenant;
  const days = new Map<number, Day>();
  const begun = store.newestRevision(tenant);
  let sliceEnds = performance.now() + SLICE_MS;
  for (const slice of tenantSlices(store, tenant, from, to)) {
    for (const place of slice) {
      const { rows, row, id } = place;
      const number = Math.floor(rows.windows[row]! / DAY_MS);
      let day = days.get(number);
      if (day === undefined) days.set(number, (day = new Day(json.columns.values)));
      const revision = revisionOf(id, store.partitions);
      day.lastRevision = Math.max(day.lastRevision, revision);
      if ((rows.marks[row]! & DELETED) === 0)
        day.add(rows, row, rowHash(keyTextHash(json.keyText(place, named)), revision));
    }
    if (performance.now() < sliceEnds) continue;
    await new Promise<void>((resolve) => setImmediate(resolve));
    await whole();
    sliceEnds = performance.now() + SLICE_MS;
  }
  const newest = store.newestRevision(tenant);
  if (newest > begun) for (const day of days.values()) day.lastRevision = newest;
  return [...days].sort(([a], [b]) => a - b).map(([number, day]) => day.digest(number));
}

class Day {
  lastRevision = 0;
  #rows = 0;
  #hash = 0n;
  readonly #sums: readonly { readonly name: string; readonly sum: Sum }[];

  constructor(values: readonly StoredFeedColumn[]) {
    this.#sums = values
      .filter(({ additive }) => additive === true)
      .map((column) => ({ name: column.name, sum: sumOf(column) }));
  }

  add(rows: RowSet, row: number, hash: bigint): void {
    this.#rows += 1;
    this.#hash += hash;
    for (const { sum } of this.#sums) sum.add(rows, row);
  }

  digest(number: number): DayDigest {
    return {
      day: new Date(number * DAY_MS).toISOString().slice(0, 10),
      rows: this.#rows,
      last_rev: this.lastRevision,
      sums: Object.fromEntries(this.#sums.map(({ name, sum }) => [name, sum.text()])),
      hash: hashText(this.#hash),
    };
  }
}

/** Exact for integers and numerics; a double's sum depends on the order, so it is compared with a tolerance. */
function sumOf({ stored, columnType }: StoredFeedColumn): Sum {
  let units = 0n;
  let double = 0;
  let scale = 0;
  /** A numeric that is no number makes the sum none. */
  let special: string | null = null;
  return {
    add(rows, row) {
      const store = rows.columns[stored]!;
      if (store.kind === 'text') {
        const code = store.codes[row]!;
        if (code === NULL_CODE) return;
        const text = rows.pool.stringOf(code);
        if (!/^-?\d/.test(text)) {
          special = 'NaN';
          return;
        }
        const [whole = '0', fraction = ''] = text.split('.');
        if (fraction.length > scale) {
          units *= 10n ** BigInt(fraction.length - scale);
          scale = fraction.length;
        }
        units += BigInt(whole.replace('-', '') + fraction.padEnd(scale, '0')) * (whole.startsWith('-') ? -1n : 1n);
      } else if (store.nulls[row] === 1) return;
      else if (store.kind === 'double') double += store.values[row]!;
      else units += bigintAt(store, row);
    },
    text() {
      if (special !== null) return special;
      if (columnType === 'double') return String(double);
      if (columnType === 'decimal') return decimalText(units);
      if (scale === 0) return String(units);
      const size = String(units < 0n ? -units : units).padStart(scale + 1, '0');
      return `${units < 0n ? '-' : ''}${size.slice(0, -scale)}.${size.slice(-scale)}`;
    },
  };
}
