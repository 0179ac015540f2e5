/**
 * `millrace/client`: the changes feed for programs. `docs/guide/pull.md` shows how.
 *
 * ```ts
 * for await (const page of changes({ url, key, tenant, view, cursor, waitSeconds: 30 })) await applyTo(pool, page);
 * ```
 */
export { changes, replay, snapshot, type PagesOptions, type Pulled } from './pull/changes.js';
export { applyTo, savedCursor, type ApplyOptions, type Database } from './pull/apply-to.js';
export { FeedClient, type FeedOptions, type PageRequest, type RangeRequest } from './pull/feed-client.js';
export { FeedError, isGone, isRetryable } from './pull/feed-error.js';
export { hashText, keyHash, rowHash } from './event/feed.js';
export type { ChangesPage, DayDigest, FeedDigest, FeedRow, FeedValue, FeedView, SnapshotPage } from './event/feed.js';
export { MillraceError, type ErrorCode } from './util/errors.js';
