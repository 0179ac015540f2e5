/** How long each view keeps each tenant's rows: what the views say, and what the tenants say instead. */
import type { Directory } from './config/tenants.js';
import type { ViewDescription } from './event/view.js';
import type { Retention } from './summary/retention.js';

/** The retention of each view, by its name; of several definitions of a view the first says it. */
export function retentionsOf(
  views: readonly ViewDescription[],
  directory: Directory,
): Readonly<Record<string, Retention>> {
  const found = new Map<string, { readonly allMs: number | null; readonly tenantMs: Record<string, number> }>();
  for (const { name, retentionMs } of views)
    if (!found.has(name)) found.set(name, { allMs: retentionMs ?? null, tenantMs: {} });
  for (const id of directory.tenantIds())
    for (const [view, ms] of Object.entries(directory.tenant(id)!.retentionMs)) {
      const own = found.get(view);
      if (own !== undefined) own.tenantMs[id] = ms;
    }
  return Object.fromEntries(found);
}

/** What tenants' retentions name that is no view. */
export function unknownRetentions(views: readonly ViewDescription[], directory: Directory): string[] {
  const known = new Set(views.map(({ name }) => name));
  const unknown = new Set<string>();
  for (const id of directory.tenantIds())
    for (const view of Object.keys(directory.tenant(id)!.retentionMs)) if (!known.has(view)) unknown.add(view);
  return [...unknown];
}

/** Changes streams that go to the lake: those of views whose rows leave the summary some day. */
export function archivedStreams(views: readonly ViewDescription[], directory: Directory): string[] {
  const retentions = retentionsOf(views, directory);
  return views
    .filter(({ name }) => {
      const { allMs, tenantMs } = retentions[name]!;
      return allMs !== null || Object.keys(tenantMs).length > 0;
    })
    .map(({ stream }) => stream);
}
