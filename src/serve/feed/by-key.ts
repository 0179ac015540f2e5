/**
 * A tenant's rows by key: window start, then the hash of the key, which every consumer can compute.
 *
 * A page remembers only the last key it gave. Rows that change meanwhile keep their key, so no row that
 * was there at the beginning is missed.
 */
import { keyTextHash } from '../../event/feed.js';
import { idCeiling } from '../../summary/row-id.js';
import { DELETED } from '../../summary/row-set.js';
import type { RowPlace, ViewStore } from '../../summary/view-store.js';
import type { RowJson } from './row-json.js';
import { tenantSlices } from './slices.js';

/** The place of a row by key. */
export interface KeyPlace {
  readonly windowMs: number;
  /** `keyTextHash`, as hexadecimal. */
  readonly hash: string;
}

/** Which rows. */
export interface ByKeyRequest {
  readonly tenant: string;
  readonly limit: number;
  readonly from: number | null;
  readonly to: number | null;
  readonly after: KeyPlace | null;
  readonly pinned: number;
  readonly pins: boolean;
}

interface Found {
  readonly place: RowPlace;
  readonly windowMs: number;
  readonly hash: string;
}

/** At most `limit` rows without tombstones, and where to go on. */
export function rowsByKey(
  store: ViewStore,
  json: RowJson,
  request: ByKeyRequest,
): { readonly places: readonly RowPlace[]; readonly after: KeyPlace | null } {
  const { tenant, limit, after } = request;
  const to = request.to ?? Infinity;
  const from = Math.max(request.from ?? -Infinity, after?.windowMs ?? -Infinity);
  const ceiling = request.pins ? idCeiling(request.pinned, store.partitions) : Infinity;
  const places: RowPlace[] = [];
  let last: Found | null = null;
  for (const slice of tenantSlices(store, tenant, from, to))
    for (const found of ordered(json, tenant, slice, ceiling)) {
      if (after !== null && compare(found, after) <= 0) continue;
      if (places.length === limit) return { places, after: placeOf(last!) };
      places.push(found.place);
      last = found;
    }
  return { places, after: null };
}

function placeOf({ windowMs, hash }: Found): KeyPlace {
  return { windowMs, hash };
}

/** A slice by key, a window at a time: only as many are sorted as a page needs. */
function* ordered(json: RowJson, tenant: string, slice: readonly RowPlace[], ceiling: number): Generator<Found> {
  const places = slice.filter(({ rows, row, id }) => (rows.marks[row]! & DELETED) === 0 && id <= ceiling);
  for (let at = 0; at < places.length;) {
    const windowMs = windowOf(places[at]!);
    const first = at;
    while (at < places.length && windowOf(places[at]!) === windowMs) at++;
    yield* places
      .slice(first, at)
      .map((place) => ({ place, windowMs, hash: keyTextHash(json.keyText(place, tenant)).toString('hex') }))
      .sort(compare);
  }
}

function windowOf({ rows, row }: RowPlace): number {
  return rows.windows[row]!;
}

function compare(a: KeyPlace, b: KeyPlace): number {
  return a.windowMs - b.windowMs || (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0);
}
