/**
 * The changes feed, as the HTTP thread answers it: cursors in and out, pages put together from what
 * the store thread gives. `docs/guide/changes-feed.md` is the protocol.
 *
 * The server remembers nothing about a consumer: the cursor is the consumer's place.
 */
import type { SigningKeys } from '../../collect/tracking/signing-keys.js';
import type { FeedDigest, FeedView } from '../../event/feed.js';
import { keyOf, type ServedViews } from '../../event/served.js';
import type { ViewDescription } from '../../event/view.js';
import type { Rpc } from '../../io/rpc.js';
import { isoText } from '../../summary/row-values.js';
import { MillraceError } from '../../util/errors.js';
import type { StoreMethods } from '../store-protocol.js';
import { cursorInvalid, readCursor, revisionIn, writeCursor, type Cursor, type CursorKind } from './cursor.js';
import type { FeedState } from './reader.js';

/** Whose rows of which view. */
export interface FeedSubject {
  readonly view: ViewDescription;
  /** As in the address. */
  readonly tenant: string;
}

/** What a page is asked with. */
export interface PageRequest extends FeedSubject {
  readonly cursor: string | null;
  readonly limit: number;
  readonly from: number | null;
  readonly to: number | null;
}

/** A page as it goes out. */
export interface FeedPage {
  /** Its bytes, made when they are wanted: a poll that waits on has no use for a signed cursor. */
  readonly parts: () => readonly (string | Uint8Array)[];
  /** The definition that its rows are of. */
  readonly view: ViewDescription;
  readonly rows: number;
  readonly hasMore: boolean;
  readonly etag: string;
  readonly completeThrough: string | null;
  /** Where a poll waits from. */
  readonly revision: number;
}

/** The name of the tenant of a view over all tenants. */
export const EVERY = '*';

/** Answers the feed of all views. */
export class Feed {
  readonly #keys: SigningKeys;
  readonly #store: () => Promise<Rpc<StoreMethods>>;
  readonly #served: ServedViews;

  /** `served`: the definitions of views; those that do not answer to the name are served by cursors of theirs. */
  constructor(keys: SigningKeys, store: () => Promise<Rpc<StoreMethods>>, served: ServedViews) {
    this.#keys = keys;
    this.#store = store;
    this.#served = served;
  }

  /** The view. */
  async view({ view, tenant }: FeedSubject): Promise<FeedView> {
    const answer = await (await this.#store()).call('feedView', keyOf(view), stored(tenant));
    return {
      view: view.name,
      tenant,
      epoch: view.epoch,
      key: answer.key,
      values: answer.values,
      window_ms: view.windowMs,
      ...progress(answer),
    };
  }

  /** A page of changes. Throws CURSOR_INVALID, CURSOR_GONE. */
  async changes(asked: PageRequest): Promise<FeedPage> {
    const { request, cursor } = this.#begin(asked, 'changes');
    const { view, tenant, limit, from } = request;
    const revision = cursor?.shards[0]?.[1] ?? 0;
    const store = await this.#store();
    const changes = { tenant: stored(tenant), revision, limit, from };
    const answer = await store.call('feedChanges', keyOf(view), changes);
    if (cursor !== null) this.#check(request, cursor, answer);
    const next = () => this.#write(request, 'changes', [[answer.partition, answer.nextRevision]], null);
    const { body, rows, hasMore } = answer;
    const head = `{"epoch":${JSON.stringify(view.epoch)},"changes":`;
    const superseded = this.#served.successor(view);
    const more = superseded === null ? {} : { superseded_by: superseded };
    return {
      parts: () => [head, body, rest(next(), hasMore, answer, more)],
      view,
      rows,
      hasMore,
      // With nothing new the cursor moves on and the answer is still the same.
      etag: `W/"${view.epoch}.${rows === 0 && !hasMore ? revision : answer.nextRevision}.${rows}${superseded?.ready === true ? '.ready' : ''}"`,
      completeThrough: timeOf(answer.completeThrough),
      revision: answer.nextRevision,
    };
  }

  /** A page of rows by key: of a snapshot, or of a replay. Throws CURSOR_INVALID, CURSOR_GONE. */
  async rows(asked: PageRequest, kind: 'snapshot' | 'replay'): Promise<FeedPage> {
    const { request, cursor } = this.#begin(asked, kind);
    const { view, tenant, limit, from, to } = request;
    const store = await this.#store();
    const answer = await store.call('feedRows', keyOf(view), {
      tenant: stored(tenant),
      limit,
      from,
      to,
      after: cursor?.after ?? null,
      pinned: cursor?.shards[0]?.[1] ?? null,
      // A replay repairs: what is newer is as good. A snapshot is of one revision.
      pins: kind === 'snapshot',
    });
    if (cursor !== null) this.#check(request, cursor, answer);
    const { body, rows, after, pinned } = answer;
    const shards = [[answer.partition, pinned]] as const;
    // A snapshot goes on with the changes since it began.
    const next = () =>
      after === null
        ? this.#write({ ...request, to: null }, 'changes', shards, null)
        : this.#write(request, kind, shards, after);
    return {
      parts: () => [`{"epoch":${JSON.stringify(view.epoch)},"rows":`, body, rest(next(), after !== null, answer)],
      view,
      rows,
      hasMore: after !== null,
      etag: `W/"${view.epoch}.${answer.stableRevision}.${rows}"`,
      completeThrough: timeOf(answer.completeThrough),
      revision: pinned,
    };
  }

  /** The digest of a range. */
  async digest({ view, tenant, from, to }: Omit<PageRequest, 'cursor' | 'limit'>): Promise<FeedDigest> {
    const answer = await (await this.#store()).call('feedDigest', keyOf(view), { tenant: stored(tenant), from, to });
    return { epoch: view.epoch, days: answer.days, ...progress(answer) };
  }

  /** How many revisions a cursor is behind. Throws CURSOR_INVALID, CURSOR_GONE. */
  async lag(subject: FeedSubject, text: string): Promise<number> {
    const cursor = readCursor(this.#keys, text);
    const view = this.#viewOf(subject, cursor);
    const answer = await (await this.#store()).call('feedView', keyOf(view), stored(subject.tenant));
    this.#check(subject, cursor, answer);
    return answer.newestRevision <= revisionIn(cursor, answer.partition)
      ? 0
      : answer.newestRevision - revisionIn(cursor, answer.partition);
  }

  /** Has the store tell when there is something newer. */
  async watch({ view, tenant }: FeedSubject, revision: number): Promise<void> {
    await (await this.#store()).call('feedWatch', keyOf(view), stored(tenant), revision);
  }

  /** Reads the cursor; the request is then about the definition of the view that it belongs to. */
  #begin(request: PageRequest, kind: CursorKind): { readonly request: PageRequest; readonly cursor: Cursor | null } {
    if (request.cursor === null || request.cursor === '') return { request, cursor: null };
    const cursor = readCursor(this.#keys, request.cursor);
    const view = this.#viewOf(request, cursor);
    if (cursor.kind !== kind) throw cursorInvalid(`continues ${PAGES[cursor.kind]}; this address gives ${PAGES[kind]}`);
    if (cursor.from !== request.from || (kind === 'replay' && cursor.to !== request.to))
      throw cursorInvalid("was given for another range; 'from' and 'to' must stay the same from page to page");
    return { request: { ...request, view }, cursor };
  }

  #viewOf({ view, tenant }: FeedSubject, cursor: Cursor): ViewDescription {
    if (cursor.tenant !== tenant) throw cursorInvalid('belongs to another tenant');
    if (cursor.view !== view.name) throw cursorInvalid(`belongs to view '${cursor.view}'`);
    const found = view.epoch === cursor.epoch ? view : this.#served.definition(view.name, cursor.epoch);
    if (found === undefined)
      throw gone({ view, tenant }, 'epoch', `view '${view.name}' has another definition since the cursor was given`);
    return found;
  }

  #check(subject: FeedSubject, cursor: Cursor, { partition, stableRevision, expiredRevision }: FeedState): void {
    const revision = revisionIn(cursor, partition);
    if (revision > stableRevision)
      throw gone(
        subject,
        'ahead',
        `the cursor is at revision ${revision}, the server at ${stableRevision}: it was restored from an earlier state`,
      );
    if (revision > 0 && revision < expiredRevision)
      throw gone(
        subject,
        'expired',
        `changes after revision ${revision} are gone; they are kept up to ${expiredRevision}`,
      );
  }

  #write(
    { view, tenant, from, to }: PageRequest,
    kind: CursorKind,
    shards: Cursor['shards'],
    after: Cursor['after'],
  ): string {
    const range = { from, to: kind === 'replay' ? to : null };
    return writeCursor(this.#keys, { kind, tenant, view: view.name, epoch: view.epoch, ...range, shards, after });
  }
}

const PAGES: Record<CursorKind, string> = { changes: 'changes', snapshot: 'a snapshot', replay: 'a replay' };

/** The tenant as the view's rows have it. */
function stored(tenant: string): string {
  return tenant === EVERY ? '' : tenant;
}

function timeOf(ms: number | null): string | null {
  return ms === null ? null : isoText(ms);
}

function progress(state: FeedState): {
  readonly stable_rev: number;
  readonly complete_through: string | null;
  readonly retained_from: string | null;
} {
  return {
    stable_rev: state.stableRevision,
    complete_through: timeOf(state.completeThrough),
    retained_from: timeOf(state.retainedFrom),
  };
}

function rest(next: string, hasMore: boolean, state: FeedState, more: object = {}): string {
  const end = { next_cursor: next, has_more: hasMore, ...progress(state), ...more };
  return `,${JSON.stringify(end).slice(1)}`;
}

function gone({ view, tenant }: FeedSubject, reason: 'epoch' | 'expired' | 'ahead', why: string): MillraceError {
  const snapshot = `/v1/tenants/${encodeURIComponent(tenant)}/views/${encodeURIComponent(view.name)}/snapshot`;
  return new MillraceError('CURSOR_GONE', `${why}; load the snapshot`, {
    place: 'query cursor',
    details: { reason, snapshot },
  });
}
