/** The alerts that views declare, as deliveries: a view's changes to a webhook, the first row of each key and window. */
import { join } from 'node:path';
import type { DeliveryOptions, MillraceOptions, OnceOptions } from './config/options.js';
import { secretOf } from './config/secret-of.js';
import type { ViewDescription } from './event/view.js';
import type { Disk } from './io/disk.js';
import { removeFiles } from './io/remove-files.js';
import type { ViewEpoch } from './mill/epochs.js';
import { isRelational, type StandingPlan } from './sql/standing.js';
import type { ViewAlert } from './sql/view-actions.js';
import { MillraceError } from './util/errors.js';

/** How soon an alert goes out, ms: rows that come together go out one after the other. */
const BUFFER_MS = 100;
/** A row that came so long after its window could be final is history, ms. */
const FRESH_MS = 3_600_000;
/** Period of alerts of rows that have no window and are never final, ms. */
const EVERY_DEFAULT_MS = 86_400_000;

/** The deliveries of the alerts of these definitions, those that answer. Throws CONFIG_INVALID where the environment lacks a secret. */
export function alertDeliveries(options: MillraceOptions, views: readonly ViewEpoch[]): DeliveryOptions[] {
  return views.flatMap(({ plan, epoch, description }) =>
    plan.alert === undefined ? [] : [delivery(options, plan, plan.alert, { epoch, description })],
  );
}

function delivery(
  { alerts, dataFolder }: MillraceOptions,
  plan: StandingPlan,
  alert: ViewAlert,
  { epoch, description }: { readonly epoch: number; readonly description: ViewDescription },
): DeliveryOptions {
  const { url, headers } = resolvedAlert(plan.name, alert);
  return {
    name: epoch === 1 ? `alert.${plan.name}` : `alert.${plan.name}.${epoch}`,
    from: description.stream,
    sink: {
      type: 'webhook',
      url,
      allowPrivate: typeof alerts.allowPrivate === 'boolean' ? alerts.allowPrivate : [...alerts.allowPrivate],
      timeout: alerts.timeoutMs,
      compression: 'none',
      method: 'POST',
      headers: { ...headers, 'millrace-view': plan.name },
      format: 'event',
      signingSecrets: [],
      rowsMax: 1,
      bodySizeMax: 1024 ** 2,
    },
    filter: "op = 'upsert'",
    bufferBytes: 1024 ** 2,
    bufferMs: BUFFER_MS,
    bufferRowsMax: 10_000,
    retry: alerts.retry,
    requestsMax: 4,
    start: 'newest',
    once: onceOf(plan, alert, description, dataFolder),
  };
}

function onceOf(
  plan: StandingPlan,
  { columns, everyMs }: ViewAlert,
  description: ViewDescription,
  dataFolder: string,
): OnceOptions {
  const hasWindows = !isRelational(plan) || plan.closes !== null;
  const named = columns ?? plan.guard?.columns ?? null;
  const [, , , ...keys] = description.keyColumns;
  return {
    view: plan.name,
    columns: named?.map((name) => description.columns.find((column) => column.name === name)!.column) ?? keys,
    everyMs: everyMs ?? (hasWindows ? null : EVERY_DEFAULT_MS),
    freshMs: hasWindows ? plan.lagMs + Math.max(FRESH_MS, description.windowMs) : null,
    folder: join(alertsFolder(dataFolder), plan.name),
  };
}

/** An alert with its secrets. Throws CONFIG_INVALID where the environment lacks one. */
export function resolvedAlert(view: string, { url, headers }: Pick<ViewAlert, 'url' | 'headers'>) {
  const resolve = (text: string): string => secretOf(text, `view ${view}`);
  const target = resolve(url);
  if (!URL.canParse(target) || !/^https?:$/.test(new URL(target).protocol))
    throw new MillraceError(
      'CONFIG_INVALID',
      `view ${view}: expected the alert's secret to be a URL of http or https`,
      {
        place: view,
      },
    );
  return {
    url: target,
    headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, resolve(value)])),
  };
}

/** Removes what is remembered of alerts that no view declares any more. */
export function removeOldAlerts(disk: Disk, dataFolder: string, deliveries: readonly DeliveryOptions[]): void {
  const folder = alertsFolder(dataFolder);
  if (!disk.exists(folder)) return;
  const kept = new Set(deliveries.flatMap(({ once }) => once?.view ?? []));
  for (const name of disk.list(folder)) if (!kept.has(name)) removeFiles(disk, join(folder, name));
}

function alertsFolder(dataFolder: string): string {
  return join(dataFolder, 'alerts');
}
