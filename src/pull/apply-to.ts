/**
 * For programs that pull by themselves: a page into a database that they have open already.
 *
 * It makes the same tables and the same moves as the worker: a round of several pages is staged, and shows
 * when its last page comes. A page is taken only where it was asked: after a page that failed, the ones
 * behind it are refused, or what it held would be missing for ever.
 */
import type { ClientBase, Pool } from 'pg';
import { MillraceError } from '../util/errors.js';
import type { Pulled } from './changes.js';
import { beginListing, isListing, moveOf, type AnyPage, type Place } from './place.js';
import { planTable, tableRows, type TablePlan } from './table-plan.js';
import type { PullTable, Taken } from './target.js';
import { openPostgresTable } from './targets/postgres.js';
import { pooled, single } from './targets/postgres/sessions.js';
import type { FeedView } from '../event/feed.js';

/** A database: a pool of `pg`, or a connected client with no transaction open. */
export type Database = Pool | ClientBase;

/** Which table. */
export interface ApplyOptions {
  /** Default: the view's name. */
  readonly table?: string;
  /** Of PostgreSQL; default `public`. */
  readonly schema?: string;
}

/** Tables that are ready, by database and epoch of the view, so that each is set up once. */
const opened = new WeakMap<Database, Map<string, Promise<PullTable>>>();

/**
 * Takes a page that `changes`, `snapshot` or `replay` gave, in one transaction together with its cursor.
 *
 * @throws PULL_PAGE_ELSEWHERE when the page does not follow on what the table has: begin again at `savedCursor`.
 * @throws PULL_TABLE_CHANGED, PULL_NAME_REFUSED and other errors of the worker, each with what to do.
 */
export function applyTo(db: Database, page: Pulled<AnyPage>, options: ApplyOptions = {}): Promise<Taken> {
  return withTable(db, page.feed, options, (table, plan) => take(table, plan, page));
}

/** Where to go on: what `changes` takes as `cursor`; null when a snapshot is to be loaded first, or again from its beginning. */
export function savedCursor(db: Database, feed: FeedView, options: ApplyOptions = {}): Promise<string | null> {
  return withTable(db, feed, options, async (table) => {
    const place = await table.place();
    return place.stage?.isListing === true ? null : followed(place);
  });
}

async function take(table: PullTable, plan: TablePlan, page: Pulled<AnyPage>): Promise<Taken> {
  const { feed, asked } = page;
  let place = await table.place();
  if (isListing(page) && asked === null) {
    place = (await table.restage(place, beginListing('snapshot', page.epoch))) ?? place;
  } else if (asked !== followed(place)) throw elsewhere(feed, asked, followed(place));
  const rows = tableRows(plan, isListing(page) ? page.rows : page.changes);
  const taken = await table.take(place, moveOf(place, page), rows);
  if (taken === null) throw elsewhere(feed, asked, followed(await table.place()));
  return taken;
}

function followed({ stage, cursor }: Place): string | null {
  return stage === null ? cursor : stage.cursor;
}

function elsewhere({ tenant, view }: FeedView, asked: string | null, there: string | null): MillraceError {
  return new MillraceError(
    'PULL_PAGE_ELSEWHERE',
    `${tenant}/${view}: the page was asked from ${asked === null ? 'the beginning' : `cursor ${asked}`}, ` +
      `and the table is at ${there === null ? 'the beginning' : `cursor ${there}`}; begin again at savedCursor()`,
  );
}

/** Has a table that is ready; one that was changed meanwhile is set up once more. */
async function withTable<T>(
  db: Database,
  feed: FeedView,
  options: ApplyOptions,
  work: (table: PullTable, plan: TablePlan) => Promise<T>,
): Promise<T> {
  const plan = planTable(feed, options.table);
  const schema = options.schema ?? 'public';
  try {
    return await work(await tableOf(db, plan, schema), plan);
  } catch (error) {
    if (!(error instanceof MillraceError) || error.code !== 'PULL_TABLE_CHANGED') throw error;
    opened.delete(db);
    return work(await tableOf(db, plan, schema), plan);
  }
}

function tableOf(db: Database, plan: TablePlan, schema: string): Promise<PullTable> {
  const key = JSON.stringify([schema, plan.table, plan.tenant, plan.view, plan.epoch]);
  let tables = opened.get(db);
  if (tables === undefined) opened.set(db, (tables = new Map()));
  const ready = tables.get(key);
  if (ready !== undefined) return ready;
  const sessions = isPool(db) ? pooled(db) : single(db);
  const input = { sessions, name: 'PostgreSQL', schema, user: null, plan, seams: {} };
  const opening = openPostgresTable(input);
  if (tables.size >= TABLES_MAX) tables.clear();
  tables.set(key, opening);
  // One that could not be opened is tried again by the next page.
  opening.catch(() => tables.delete(key));
  return opening;
}

/** Tables remembered of one database. */
const TABLES_MAX = 1_000;

function isPool(db: Database): db is Pool {
  return 'totalCount' in db;
}
