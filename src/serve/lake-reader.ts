/**
 * The lake's files for queries, pruned by what the snapshot says of each.
 */
import type { LakeCatalog } from '../lake/catalog.js';
import type { LakeReader } from './query/stream-source.js';

/**
 * Reads through the lake's catalog. Files that a merge replaces stay on disk for the lake's grace
 * period, which is longer than a query may take, so nothing needs to be held.
 */
export function lakeReader(catalog: LakeCatalog): LakeReader {
  return {
    take(stream, tenant) {
      const snapshot = catalog.snapshot(stream);
      if (snapshot === undefined) return null;
      const files = snapshot.files.filter(
        ({ tenantMin, tenantMax }) =>
          tenant === null ||
          tenantMin === null ||
          tenantMax === null ||
          (isAtMost(tenantMin, tenant) && isAtMost(tenant, tenantMax)),
      );
      return {
        files: files.map((file) => catalog.pathOf(stream, file)),
        offsets: snapshot.committed,
        release: () => undefined,
      };
    },
  };
}

/** By bytes, as the lake sorts. */
function isAtMost(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) <= 0;
}
