/**
 * The feed as async iterables, for programs: pages come one after the other, and what passes is tried again
 * by itself. The caller keeps the cursor, or has `applyTo` keep it.
 */
import type { ChangesPage, FeedView, SnapshotPage } from '../event/feed.js';
import { systemClock } from '../io/clock.js';
import { systemRandom } from '../io/random.js';
import { retried, type RetryOptions } from './backoff.js';
import { FeedClient, type FeedOptions } from './feed-client.js';
import { FeedError } from './feed-error.js';

/** What is asked, and how long. */
export interface PagesOptions extends FeedOptions {
  /** Where to go on: `next_cursor` of the last page that was kept, or `savedCursor`; without one from the beginning. */
  readonly cursor?: string | null;
  /** Window starts from here on, ISO 8601 or ms. */
  readonly from?: string | number;
  /** Rows of a page, 1 to 10,000; default 1,000. */
  readonly limit?: number;
  /** Ends the iteration; the pending request with it. */
  readonly signal?: AbortSignal;
  /** Attempts of a request before its error is thrown; default without end. */
  readonly attemptsMax?: number;
  /** Told of each failed attempt. */
  readonly onRetry?: (error: unknown, delayMs: number) => void;
}

/** A page, with what `applyTo` must know. */
export type Pulled<Page> = Page & {
  /** The view that the page is of. */
  readonly feed: FeedView;
  /** The cursor that it was asked with. */
  readonly asked: string | null;
};

/**
 * Pages of changes. Without `waitSeconds` (0 to 30) it ends when nothing more is there; with it, it goes on
 * for ever, and pages without changes are left out.
 *
 * @throws FeedError: of `status` 410 when a snapshot is needed; and what does not pass, such as a revoked key.
 */
export async function* changes(
  options: PagesOptions & { readonly waitSeconds?: number },
): AsyncGenerator<Pulled<ChangesPage>, void> {
  const { waitSeconds = 0 } = options;
  const { client, request, retry } = prepare(options);
  const feed = await retried(() => client.describe(retry.signal), retry);
  let cursor = options.cursor ?? null;
  while (!retry.signal.aborted) {
    const asked = cursor;
    const page = await orEnd(retry, () => client.changes({ ...request, cursor: asked, waitSeconds }));
    if (page === null) return;
    // Only the newest definition is told; pages of an older one can be understood only by who knew it before.
    if (page.epoch !== feed.epoch) throw replaced(page.epoch);
    cursor = page.next_cursor;
    if (page.changes.length > 0 || asked === null || waitSeconds === 0) yield { ...page, feed, asked };
    if (!page.has_more && page.superseded_by?.ready === true) throw replaced(page.epoch);
    if (!page.has_more && waitSeconds === 0) return;
  }
}

function replaced(epoch: string): FeedError {
  const message = `the view has another definition than ${epoch}; load a snapshot`;
  return new FeedError(message, { code: 'CURSOR_GONE', status: 410, reason: 'epoch' });
}

/** Pages of a snapshot: all rows by key. Go on with `changes` from the last page's `next_cursor`. */
export function snapshot(options: PagesOptions): AsyncGenerator<Pulled<SnapshotPage>, void> {
  return listing(options, (client, request) => client.snapshot(request));
}

/** Pages of a range of window starts, listed again. */
export function replay(
  options: PagesOptions & { readonly to?: string | number },
): AsyncGenerator<Pulled<SnapshotPage>, void> {
  const { to } = options;
  return listing(options, (client, request) => client.replay(to === undefined ? request : { ...request, to }));
}

async function* listing(
  options: PagesOptions,
  ask: (client: FeedClient, request: Request & { readonly cursor: string | null }) => Promise<SnapshotPage>,
): AsyncGenerator<Pulled<SnapshotPage>, void> {
  const { client, request, retry } = prepare(options);
  const feed = await retried(() => client.describe(retry.signal), retry);
  let cursor = options.cursor ?? null;
  while (!retry.signal.aborted) {
    const asked = cursor;
    const page = await orEnd(retry, () => ask(client, { ...request, cursor: asked }));
    if (page === null) return;
    cursor = page.next_cursor;
    yield { ...page, feed, asked };
    if (!page.has_more) return;
  }
}

type Request = { readonly from?: string | number; readonly limit?: number; readonly signal: AbortSignal };

interface Prepared {
  readonly client: FeedClient;
  readonly request: Request;
  readonly retry: RetryOptions;
}

function prepare({ from, limit, signal, attemptsMax, onRetry, ...feed }: PagesOptions): Prepared {
  const ending = signal ?? new AbortController().signal;
  return {
    client: new FeedClient(feed),
    request: {
      ...(from === undefined ? {} : { from }),
      ...(limit === undefined ? {} : { limit }),
      signal: ending,
    },
    retry: {
      clock: systemClock,
      random: systemRandom,
      signal: ending,
      ...(attemptsMax === undefined ? {} : { attemptsMax }),
      ...(onRetry === undefined ? {} : { onRetry }),
    },
  };
}

/** The page; null when the iteration was ended from outside. */
async function orEnd<T>(retry: RetryOptions, work: () => Promise<T>): Promise<T | null> {
  try {
    return await retried(work, retry);
  } catch (error) {
    if (retry.signal.aborted) return null;
    throw error;
  }
}
