/**
 * Sketches as values: what a query does with those that views keep. Merging none gives null. All throw
 * SQL_RUNTIME of bytes that are no sketch of their kind.
 */
import { DDSketch } from './ddsketch.js';
import { FrequentItems, topJson } from './frequent-items.js';
import { sketchBytes, sketchContents } from './hyperloglog-bytes.js';
import { Sketches } from './hyperloglog.js';

/** Merges sketches of `approx_count_distinct_sketch`. */
export function mergeDistinct(all: readonly Uint8Array[]): Uint8Array<ArrayBuffer> | null {
  if (all.length === 0) return null;
  return sketchBytes(mergedDistinct(all).contents(0));
}

/** About how many different values a sketch has seen. */
export function countDistinct(sketch: Uint8Array): number {
  return mergedDistinct([sketch]).estimate(0);
}

function mergedDistinct(all: readonly Uint8Array[]): Sketches {
  const merged = new Sketches(1);
  for (const bytes of all) merged.mergeContents(0, sketchContents(bytes));
  return merged;
}

/** Merges sketches of `approx_percentile_sketch`; their relative errors must be the same. */
export function mergePercentiles(all: readonly Uint8Array[]): Uint8Array<ArrayBuffer> | null {
  const [first, ...rest] = all.map((bytes) => DDSketch.ofBytes(bytes));
  for (const sketch of rest) first!.merge(sketch);
  return first === undefined ? null : first.toBytes();
}

/** The value that a fraction of the others lie below. */
export function percentileOf(sketch: Uint8Array, fraction: number): number | null {
  return DDSketch.ofBytes(sketch).quantile(fraction);
}

/** Merges sketches of `approx_top_k_sketch`; type and number of values must be the same. */
export function mergeTop(all: readonly Uint8Array[]): Uint8Array<ArrayBuffer> | null {
  const [first, ...rest] = all.map((bytes) => FrequentItems.ofBytes(bytes));
  for (const items of rest) first!.merge(items);
  return first === undefined ? null : first.toBytes();
}

/** The `places` most frequent values, as `approx_top_k` gives them. */
export function topOf(sketch: Uint8Array, places: number): string {
  return topJson(FrequentItems.ofBytes(sketch), places);
}
