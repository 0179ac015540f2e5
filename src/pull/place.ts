/**
 * How far a pull is, and what a page does to it. Pure: every target keeps the same `Place` and makes the
 * same moves, each in one transaction of its database.
 *
 * ```
 *   changes, one page          apply:  rows and cursor
 *   changes, several pages     stage … stage finish
 *   snapshot, then changes     begin stage … stage | stage … finish: replaces what was there
 *   replay, then changes       begin stage … stage | stage … finish: replaces a range
 * ```
 *
 * A stage survives a crash: its rows and its own cursor are committed page by page. Rows show only when it
 * finishes, all of them in the transaction that saves the cursor.
 *
 * Several workers on one view: `generation` rises whenever rows are replaced, and a move is made only from
 * the place at which its page was asked, as far as that matters (`PullTable.take`). What a worker brings
 * that slept meanwhile is either refused, or older than the rows there, which then stay.
 */
import type { ChangesPage, SnapshotPage } from '../event/feed.js';

/** Pages that wait for the end of their round. */
export interface Stage {
  readonly kind: 'changes' | 'snapshot' | 'replay';
  /** The definition that its rows are of. */
  readonly epoch: string;
  /** The next page; null: the listing's first. */
  readonly cursor: string | null;
  /** Pages of a snapshot or replay still come; then those of `changes`. */
  readonly isListing: boolean;
  /** Rows of windows from here, ISO 8601, are replaced at the end; null: from the first. */
  readonly from: string | null;
  /** And before here; null: to the last. */
  readonly to: string | null;
}

/** How far a pull is. */
export interface Place {
  /** Null before the first load. */
  readonly epoch: string | null;
  readonly cursor: string | null;
  /** Everything up to here is in the table. */
  readonly rev: number;
  readonly completeThrough: string | null;
  readonly retainedFrom: string | null;
  /** Rises when rows are replaced. */
  readonly generation: number;
  readonly stage: Stage | null;
}

/** Before anything came. */
export const NOWHERE: Place = {
  epoch: null,
  cursor: null,
  rev: 0,
  completeThrough: null,
  retainedFrom: null,
  generation: 0,
  stage: null,
};

/** What is to be done with a page's rows; each is one transaction, `to` included. */
export interface Move {
  /**
   * - `apply`: rows go into the table.
   * - `stage`: rows go to the stage; one that is there from before is emptied when `isFirst`.
   * - `finish`: rows go to the stage, and all of it to the table; `replaces` says what goes away before.
   */
  readonly kind: 'apply' | 'stage' | 'finish';
  readonly isFirst: boolean;
  readonly replaces: Stage | null;
  readonly to: Place;
}

/** Any page of a feed. */
export type AnyPage = ChangesPage | SnapshotPage;

/** Whether it is a page of a snapshot or replay. */
export function isListing(page: AnyPage): page is SnapshotPage {
  return 'rows' in page;
}

/** Where a page that was asked at `place` leads. */
export function moveOf(place: Place, page: AnyPage): Move {
  const { stage } = place;
  const isFirst = stage === null;
  if (isListing(page)) return { kind: 'stage', isFirst, replaces: null, to: { ...place, stage: listed(place, page) } };
  if (page.has_more) {
    const begun = stage ?? { kind: 'changes', epoch: page.epoch, isListing: false, from: null, to: null };
    const to = { ...place, stage: { ...begun, cursor: page.next_cursor } };
    return { kind: 'stage', isFirst, replaces: null, to };
  }
  const replaces = stage === null || stage.kind === 'changes' ? null : stage;
  const to: Place = {
    epoch: page.epoch,
    cursor: page.next_cursor,
    rev: page.stable_rev,
    completeThrough: page.complete_through,
    retainedFrom: page.retained_from,
    generation: place.generation + (replaces === null ? 0 : 1),
    stage: null,
  };
  return { kind: stage === null ? 'apply' : 'finish', isFirst, replaces, to };
}

function listed(place: Place, page: SnapshotPage): Stage {
  const stage = place.stage ?? beginListing('snapshot', page.epoch);
  const from = stage.kind === 'snapshot' ? page.retained_from : stage.from;
  if (page.has_more) return { ...stage, from, cursor: page.next_cursor };
  // A replay lists a part: what changed elsewhere since our own cursor is still to come from there.
  return { ...stage, from, isListing: false, cursor: stage.kind === 'replay' ? place.cursor : page.next_cursor };
}

/** A stage whose first page is still to be asked. */
export function beginListing(
  kind: 'snapshot' | 'replay',
  epoch: string,
  range: { readonly from: string | null; readonly to: string | null } = { from: null, to: null },
): Stage {
  return { kind, epoch, cursor: null, isListing: true, ...range };
}
