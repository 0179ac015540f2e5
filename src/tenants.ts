/** The tenants in force, and what follows from how long they want rows to be kept. */
import type { MillraceOptions } from './config/options.js';
import { TenantStore } from './config/tenant-store.js';
import type { Directory } from './config/tenants.js';
import type { Ground } from './ground.js';
import type { EmbeddedLog } from './log/embedded/open.js';
import type { ViewEpoch } from './mill/epochs.js';
import { archivedStreams, unknownRetentions } from './retention.js';
import type { Messages } from './telemetry/messages.js';

/** The tenants; `tell` names who acts by a changed file. */
export function openTenants(
  { options, clock, messages, closers }: Ground,
  views: readonly ViewEpoch[],
): { readonly store: TenantStore; tell(follow: () => Promise<void>): void } {
  let follow = async (): Promise<void> => undefined;
  const store = new TenantStore({
    ...tenantSource(options),
    clock,
    onReload(outcome) {
      saidReload(messages, outcome);
      if (outcome.error !== undefined) return;
      warnOfRetentions(messages, views, store.directory);
      follow().catch((error: unknown) => messages.error({ part: 'tenants', err: error }, 'retentions not taken yet'));
    },
  });
  closers.add(() => store.close());
  warnOfRetentions(messages, views, store.directory);
  return { store, tell: (next) => (follow = next) };
}

function warnOfRetentions(messages: Messages, views: readonly ViewEpoch[], directory: Directory): void {
  const unknown = unknownRetentions(
    views.map(({ description }) => description),
    directory,
  );
  if (unknown.length > 0) messages.warn({ views: unknown }, "tenants' retentions name views that there are not");
}

/** Lets the log go of what the lake kept for views that are archived no longer. */
export async function removeOldArchives(
  log: EmbeddedLog,
  views: readonly ViewEpoch[],
  directory: Directory,
): Promise<void> {
  const archived = archivedStreams(
    views.map(({ description }) => description),
    directory,
  );
  for (const { id } of log.stats().readers)
    if (id.startsWith('lake.view.') && !archived.includes(id.slice('lake.'.length))) await log.removeReader(id);
}

function tenantSource({ tenants }: MillraceOptions) {
  return { inline: tenants.inline, ...(tenants.file === undefined ? {} : { file: tenants.file }) };
}

function saidReload(
  messages: Messages,
  { tenants, error }: { readonly tenants: number; readonly error?: Error },
): void {
  if (error === undefined) messages.info({ tenants }, 'tenants reloaded');
  else messages.error({ err: error }, 'the tenants file was not taken; the tenants in force stay');
}
