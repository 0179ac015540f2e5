/**
 * One view of one tenant, a page at a time: ask, make the move, know where we are.
 *
 * `turn` is all there is. It asks the one page that the place in the database calls for, so a worker that was
 * killed anywhere goes on by doing what it always does. After an error everything known is forgotten: what a
 * lost COMMIT did is read again.
 *
 * A listing (snapshot) is begun when there are no rows yet, when the server says that the cursor is gone, and
 * when the view has another definition; the table is migrated first.
 */
import { MillraceError } from '../util/errors.js';
import type { FeedClient } from './feed-client.js';
import { codeOf, isGone } from './feed-error.js';
import { beginListing, isListing, moveOf, type AnyPage, type Place } from './place.js';
import { planTable, STATE_TABLE, tableRows, type Definition, type TablePlan } from './table-plan.js';
import type { OwnDigest, PullTable, PullTarget } from './target.js';

/** What a pull is made of. */
export interface PullerInput {
  readonly client: FeedClient;
  readonly target: PullTarget;
  /** Default: the view's name. */
  readonly table?: string | undefined;
  /** Rows of a page; default what the server takes for it. */
  readonly limit?: number | undefined;
  /** Told when a listing begins. */
  readonly onListing?: (why: string) => void;
}

/** What a turn did. */
export interface Turn {
  readonly kind: 'changes' | 'snapshot' | 'replay';
  /** Rows that came. */
  readonly received: number;
  /** Rows that the table got, changed or lost. */
  readonly applied: number;
  /** Nothing more was there when the page was asked, and all of it is applied. */
  readonly isCurrent: boolean;
  /** What the server has that we lack, in revisions; at most, since they are shared by tenants. */
  readonly lag: number;
  readonly completeThrough: string | null;
}

interface Opened {
  readonly plan: TablePlan;
  readonly table: PullTable;
}

/** A view of a tenant on its way into a table. */
export class Puller {
  readonly #input: PullerInput;
  #opened: Opened | null = null;
  #place: Place | null = null;
  /** Listings begun since the last one that came to its end. */
  #listings = 0;

  constructor(input: PullerInput) {
    this.#input = input;
  }

  /** Asks one page and takes it. `waitSeconds`: how long the server may wait for something new. */
  async turn(waitSeconds: number, signal?: AbortSignal): Promise<Turn> {
    try {
      return await this.#turn(waitSeconds, signal);
    } catch (error) {
      this.#opened = null;
      this.#place = null;
      throw error;
    }
  }

  /** Pulls until nothing more is there. */
  async catchUp(signal?: AbortSignal): Promise<void> {
    while (!(await this.turn(0, signal)).isCurrent) signal?.throwIfAborted();
  }

  /** Lists a range of window starts again and replaces it, in one transaction with what changed meanwhile. */
  async replay(range: { readonly from: string; readonly to: string }, signal?: AbortSignal): Promise<void> {
    const { table, plan } = await this.#open(signal);
    await table.restage(await table.place(), beginListing('replay', plan.epoch, range));
    this.#place = null;
    await this.catchUp(signal);
  }

  /** Own rows of a range. */
  async digest(
    from: string | null,
    to: string | null,
    signal?: AbortSignal,
  ): Promise<OwnDigest & { readonly plan: TablePlan }> {
    const { table, plan } = await this.#open(signal);
    return { ...(await table.digest(from, to)), plan };
  }

  /** Drops tombstones that have served their time. */
  async sweep(): Promise<number> {
    return this.#opened === null ? 0 : this.#opened.table.sweep();
  }

  /** Tells the server how far we are. */
  async acknowledge(signal?: AbortSignal): Promise<void> {
    const cursor = this.#place?.cursor;
    if (typeof cursor === 'string') await this.#input.client.ack(cursor, signal);
  }

  async #turn(waitSeconds: number, signal: AbortSignal | undefined): Promise<Turn> {
    let opened = await this.#open(signal);
    const place = (this.#place ??= await opened.table.place());
    const epoch = place.stage?.epoch ?? place.epoch;
    if (epoch === null) return this.#list(await this.#openNewest(signal), 'there are no rows yet');
    // What is staged may be of a newer definition than the rows.
    if (epoch !== opened.plan.epoch) opened = await this.#openNewest(signal);
    if (epoch !== opened.plan.epoch) return this.#list(opened, ANOTHER);
    try {
      const page = await this.#ask(place, waitSeconds, signal);
      if (page.epoch !== epoch) return await this.#list(await this.#openNewest(signal), ANOTHER);
      const turn = await this.#take(opened, place, page);
      const next = isListing(page) ? undefined : page.superseded_by;
      // A newer definition that has not come as far would take numbers back.
      if (!turn.isCurrent || next?.ready !== true) return turn;
      return await this.#list(await this.#openNewest(signal), ANOTHER);
    } catch (error) {
      if (codeOf(error) === 'CURSOR_INVALID') throw strange(opened.plan, error);
      if (!isGone(error)) throw error;
      return this.#list(await this.#openNewest(signal), `the server says: ${error.message}`);
    }
  }

  #ask({ cursor, stage }: Place, waitSeconds: number, signal: AbortSignal | undefined): Promise<AnyPage> {
    const { client, limit } = this.#input;
    const request = {
      cursor: stage === null ? cursor : stage.cursor,
      ...(limit === undefined ? {} : { limit }),
      ...(signal === undefined ? {} : { signal }),
    };
    if (stage?.isListing !== true) return client.changes({ ...request, waitSeconds: stage === null ? waitSeconds : 0 });
    if (stage.kind === 'snapshot') return client.snapshot(request);
    return client.replay({ ...request, ...range(stage.from, stage.to) });
  }

  async #take({ table, plan }: Opened, place: Place, page: AnyPage): Promise<Turn> {
    const feedRows = isListing(page) ? page.rows : page.changes;
    const move = moveOf(place, page);
    const taken = isSame(place, move.to, feedRows.length)
      ? { place, rows: 0 }
      : await table.take(place, move, tableRows(plan, feedRows));
    // Another worker was faster: what it left is where we go on.
    this.#place = taken === null ? await table.place() : taken.place;
    const isCurrent = taken !== null && move.kind !== 'stage';
    if (isCurrent) this.#listings = 0;
    return {
      kind: place.stage?.kind ?? 'changes',
      received: feedRows.length,
      applied: taken?.rows ?? 0,
      isCurrent,
      lag: Math.max(0, page.stable_rev - this.#place.rev),
      completeThrough: page.complete_through,
    };
  }

  /** Begins a listing of the newest definition. */
  async #list({ table, plan }: Opened, why: string): Promise<Turn> {
    this.#input.onListing?.(why);
    await table.restage(await table.place(), beginListing('snapshot', plan.epoch));
    this.#place = null;
    // Listings that never come to an end shall not follow each other without a pause.
    if (this.#listings++ > 1)
      throw new MillraceError(
        'PULL_ANSWER_INVALID',
        `snapshots of ${plan.tenant}/${plan.view} do not come to an end: ${why}`,
      );
    return { kind: 'snapshot', received: 0, applied: 0, isCurrent: false, lag: 0, completeThrough: null };
  }

  /** The table for the definition that its rows are of: the server goes on with that one for a while after it has a newer one. */
  async #open(signal: AbortSignal | undefined): Promise<Opened> {
    if (this.#opened !== null) return this.#opened;
    const { client, target } = this.#input;
    const saved = await target.definition(client.tenant, client.view);
    return saved === null ? this.#openNewest(signal) : this.#openAs(JSON.parse(saved) as Definition);
  }

  /** The table for the newest definition; it is migrated. */
  async #openNewest(signal: AbortSignal | undefined): Promise<Opened> {
    return this.#openAs(await this.#input.client.describe(signal));
  }

  async #openAs(definition: Definition): Promise<Opened> {
    const plan = planTable(definition, this.#input.table);
    this.#opened = { plan, table: await this.#input.target.table(plan) };
    this.#place = null;
    return this.#opened;
  }
}

const ANOTHER = 'the view has another definition';

/** A cursor that another server wrote may be of other rows: that is for people to decide. */
function strange({ tenant, view }: TablePlan, error: unknown): MillraceError {
  const advice = `if this is the right server, delete the row of ${tenant}/${view} from ${STATE_TABLE} to load its rows anew`;
  return new MillraceError('CURSOR_INVALID', `${(error as Error).message}; ${advice}`, { cause: error });
}

function range(from: string | null, to: string | null): { from?: string; to?: string } {
  return { ...(from === null ? {} : { from }), ...(to === null ? {} : { to }) };
}

/** A page that says nothing needs no transaction. */
function isSame(place: Place, to: Place, rows: number): boolean {
  return (
    rows === 0 &&
    place.stage === null &&
    to.stage === null &&
    place.cursor === to.cursor &&
    place.rev === to.rev &&
    place.completeThrough === to.completeThrough
  );
}
