/** From what is told to what runs: clients, databases (one for all pulls into it), and pulls. */
import { retried, type RetryOptions } from './backoff.js';
import { FeedClient } from './feed-client.js';
import type { PullList, PullOptions } from './options.js';
import { Puller } from './puller.js';
import type { PullTarget } from './target.js';
import { openTarget } from './targets/index.js';
import type { Pull } from './worker.js';

/** Pulls that can run, and how to end what they use. */
export interface OpenedPulls {
  readonly pulls: readonly Pull[];
  close(): Promise<void>;
}

/** Opens all; asks the server whose a key is where no tenant is named. */
export async function openPulls(
  list: PullList,
  onListing: (pull: { readonly tenant: string; readonly view: string }, why: string) => void,
  retry: RetryOptions,
): Promise<OpenedPulls> {
  const targets = new Map<string, PullTarget>();
  const close = async (): Promise<void> => {
    for (const target of targets.values()) await target.close();
  };
  const targetOf = ({ into, schema }: PullOptions): PullTarget => {
    const name = JSON.stringify([into, schema]);
    let target = targets.get(name);
    if (target === undefined) targets.set(name, (target = openTarget(into, { schema, sessionsMax: list.pullsMax })));
    return target;
  };
  try {
    const pulls: Pull[] = [];
    for (const options of list.pulls) {
      const { key, view, table } = options;
      const target = targetOf(options);
      const tenant = options.tenant ?? (await tenantOf(list.url, options, retry));
      const client = new FeedClient({ url: list.url, key, tenant, view });
      const told = (why: string): void => onListing({ tenant, view }, why);
      pulls.push({
        tenant,
        view,
        client,
        puller: new Puller({ client, target, table, limit: list.limit, onListing: told }),
      });
    }
    return { pulls, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** An operator's key answers `*`, whose rows are those of views over all tenants. */
async function tenantOf(url: string, { key, view }: PullOptions, retry: RetryOptions): Promise<string> {
  const client = new FeedClient({ url, key, tenant: '', view });
  return (await retried(() => client.whoami(retry.signal), retry)).tenant;
}
