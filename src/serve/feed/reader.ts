/**
 * One view's feed, as the store thread answers it: pages of changes and of rows by key, and digests.
 *
 * Every answer is taken between two commits of the view's changes stream, so rows that were published
 * together are all in it or all to come. An answer is bytes: the rows as JSON, to be put into the
 * page as they are.
 */
import type { DayDigest, FeedColumn } from '../../event/feed.js';
import { partitionOf } from '../../log/partition.js';
import type { RowPlace, ViewStore } from '../../summary/view-store.js';
import { digestDays } from './digest.js';
import { rowsByKey, type KeyPlace } from './by-key.js';
import { shownColumn } from './columns.js';
import { RowJson } from './row-json.js';

/** Which changes. */
export interface ChangesRequest {
  readonly tenant: string;
  /** Those after this revision. */
  readonly revision: number;
  readonly limit: number;
  /** Only rows of windows that start at or after; ms. */
  readonly from: number | null;
}

/** Which rows by key. */
export interface RowsRequest {
  readonly tenant: string;
  readonly limit: number;
  /** Windows that start in `from <= start < to`, ms. */
  readonly from: number | null;
  readonly to: number | null;
  /** Behind this one. */
  readonly after: KeyPlace | null;
  /** Rows newer than this come with the changes; null: this is the first page, and the newest revision is it. */
  readonly pinned: number | null;
  /** Whether rows newer than `pinned` are left out. */
  readonly pins: boolean;
}

/** Where a view stands, for one tenant. */
export interface FeedState {
  readonly partition: number;
  readonly stableRevision: number;
  /** Windows that end at or before this are final unless corrected; ms, null when not known yet. */
  readonly completeThrough: number | null;
  /** Rows of windows before this are no longer kept; ms, null: all are. */
  readonly retainedFrom: number | null;
  /** Who has less than this revision may have missed rows that are gone. */
  readonly expiredRevision: number;
}

/** A page of changes. */
export interface ChangesAnswer extends FeedState {
  /** A JSON array of rows. */
  readonly body: Uint8Array<ArrayBuffer>;
  readonly rows: number;
  readonly nextRevision: number;
  readonly hasMore: boolean;
}

/** A page of rows by key. */
export interface RowsAnswer extends FeedState {
  readonly body: Uint8Array<ArrayBuffer>;
  readonly rows: number;
  readonly pinned: number;
  /** Where the next page begins; null: there is none. */
  readonly after: KeyPlace | null;
}

/** Which days; window starts in `from <= start < to`, ms. */
export interface DigestRequest {
  readonly tenant: string;
  readonly from: number | null;
  readonly to: number | null;
}

/** A view's columns, and where it stands. */
export interface FeedViewAnswer extends FeedState {
  /** Of the tenant's rows. */
  readonly newestRevision: number;
  readonly key: readonly FeedColumn[];
  readonly values: readonly FeedColumn[];
}

/** A digest. */
export interface DigestAnswer extends FeedState {
  readonly days: readonly DayDigest[];
}

const encoder = new TextEncoder();

/** Reads one view's feed. */
export class FeedReader {
  readonly json: RowJson;
  readonly #store: ViewStore;
  readonly #completeThrough: (tenant: string) => number | null;

  /** `completeThrough`: up to where a tenant's windows are final, ms; null when that is not known yet. */
  constructor(store: ViewStore, completeThrough: (tenant: string) => number | null) {
    this.#store = store;
    this.#completeThrough = completeThrough;
    this.json = new RowJson(store.layout, store.partitions);
  }

  /** The view's columns, and where it stands for a tenant. */
  async view(tenant: string): Promise<FeedViewAnswer> {
    const { key, values } = this.json.columns;
    return this.#whole(tenant, (partition) => ({
      ...this.#state(tenant, partition),
      newestRevision: this.#store.newestRevision(tenant),
      key: key.map(shownColumn),
      values: values.map(shownColumn),
    }));
  }

  /** A page of changes. */
  async changes(request: ChangesRequest): Promise<ChangesAnswer> {
    return this.#whole(request.tenant, (partition) => this.#page(partition, request));
  }

  /** Has the store's `watch` tell when a tenant has something newer than a revision; at once if it has. */
  async watch(tenant: string, revision: number): Promise<void> {
    await this.#whole(tenant, () => {
      const { watch } = this.#store;
      if (this.#store.newestRevision(tenant) > revision) watch.onChanged([tenant]);
      else watch.add(tenant);
    });
  }

  /** Rows by key. */
  async rows(request: RowsRequest): Promise<RowsAnswer> {
    return this.#whole(request.tenant, (partition) => {
      const state = this.#state(request.tenant, partition);
      const pinned = request.pinned ?? state.stableRevision;
      const { places, after } = rowsByKey(this.#store, this.json, { ...request, pinned });
      const body = this.#body(places);
      return { ...state, body, rows: places.length, pinned, after };
    });
  }

  /** What the rows of a range come to, by day. */
  async digest({ tenant, from, to }: DigestRequest): Promise<DigestAnswer> {
    const { state, days } = await this.#whole(tenant, (partition) => ({
      // What was stable when it began: what came since is in no day, or its day says so.
      state: this.#state(tenant, partition),
      days: digestDays(this.#store, this.json, { tenant, from: from ?? -Infinity, to: to ?? Infinity }, () =>
        this.#whole(tenant, () => undefined),
      ),
    }));
    return { ...state, days: await days };
  }

  #page(partition: number, { tenant, revision, limit, from }: ChangesRequest): ChangesAnswer {
    const page = this.#store.changesSince(tenant, revision, limit);
    const state = this.#state(tenant, partition);
    const places = from === null ? page.rows : page.rows.filter(({ rows, row }) => rows.windows[row]! >= from);
    const body = this.#body(places);
    // With nothing left the cursor moves on, so that it never grows old where nothing happens.
    const nextRevision = page.hasMore ? page.nextRevision : Math.max(revision, state.stableRevision);
    return { ...state, body, rows: places.length, nextRevision, hasMore: page.hasMore };
  }

  /** One text, made flat once. */
  #body(places: readonly RowPlace[]): Uint8Array<ArrayBuffer> {
    let text = '[';
    for (let i = 0; i < places.length; i++)
      text += i === 0 ? this.json.row(places[i]!) : `,${this.json.row(places[i]!)}`;
    return encoder.encode(`${text}]`);
  }

  #state(tenant: string, partition: number): FeedState {
    return {
      partition,
      stableRevision: this.#store.stableRevision(partition),
      completeThrough: this.#completeThrough(tenant),
      retainedFrom: this.#retainedFrom(tenant),
      expiredRevision: this.#store.expiredRevision(tenant),
    };
  }

  /** By age, and by what was gone already when this definition of the view began. */
  #retainedFrom(tenant: string): number | null {
    const byAge = this.#store.retainedFrom(tenant);
    const { sinceMs, windowMs } = this.#store.view;
    if (sinceMs === undefined) return byAge;
    return Math.max(byAge ?? -Infinity, Math.ceil(sinceMs / windowMs) * windowMs);
  }

  /** Answers in a turn in which the tenant's partition is between two commits. */
  async #whole<T>(tenant: string, answer: (partition: number) => T): Promise<T> {
    const { commits, partitions } = this.#store;
    const bytes = encoder.encode(tenant);
    const partition = partitionOf(bytes, 0, bytes.length, partitions);
    while (!commits.isWhole(partition)) await commits.whole(partition);
    return answer(partition);
  }
}
