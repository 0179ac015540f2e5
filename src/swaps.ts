/**
 * Swaps a changed view for its new definition once that has come as far as the one before.
 *
 * As far: the mill has read, and committed, everything that was durable when it was asked, and the summary
 * has taken in what came of it, all within `NEAR_MS`; and where both read the same streams, the new one has closed
 * windows up to the same clock. What takes longer is asked again: meanwhile more has come.
 *
 * Order of a swap: late rows are handed over in the mill, the swap is remembered (`views.json`, on disk), and only
 * then readers are let over, all at one moment. A process that is killed before the second has not swapped; after it
 * it has, also for those who ask when it is back. Killed between the first and the second, late rows of these few
 * milliseconds may be told by both definitions or by none.
 */
import type { ViewEpoch } from './mill/epochs.js';
import { readerId } from './mill/epochs.js';
import { rememberSwap } from './mill/definitions.js';
import type { LateRange, Places } from './mill/late-telling.js';
import type { MillMethods } from './mill/thread.js';
import type { StoreMethods } from './serve/store-protocol.js';
import { newSwap, ServedViews, swap } from './event/served.js';
import type { Clock } from './io/clock.js';
import type { Disk } from './io/disk.js';
import { pause } from './io/pause.js';
import type { Supervised } from './io/supervisor.js';
import { sourcesOfPlan } from './sql/standing.js';
import type { Messages } from './telemetry/messages.js';
import { MillraceError } from './util/errors.js';

/** When views are swapped. */
export type SwapMode = 'auto' | 'manual';

/** What swaps need. */
export interface SwapsInput {
  readonly views: readonly ViewEpoch[];
  readonly mode: SwapMode;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly dataFolder: string;
  readonly messages: Messages;
}

interface SwapThreads {
  readonly mill: Supervised<MillMethods>;
  readonly store: Supervised<StoreMethods>;
}

/** A view whose new definition does not answer yet. */
interface Pending {
  readonly newest: ViewEpoch;
  readonly before: ViewEpoch;
}

/** The new definition is near when it has come as far within this. */
const NEAR_MS = 1_000;
/** Between two looks. */
const LOOK_MS = 200;
/** Longest that who asks for a swap waits for the definition to come near. */
const WAIT_MS_MAX = 10_000;

/** See the head of the file. */
export class Swaps {
  readonly #input: SwapsInput;
  readonly #cells = new Map<string, SharedArrayBuffer>();
  readonly #late = new Map<ViewEpoch, LateRange>();
  readonly #pending = new Map<string, Pending>();
  readonly #ending = new AbortController();
  #threads: SwapThreads | null = null;
  #onSwapped: () => Promise<void> = async () => undefined;
  #following: Promise<unknown> = Promise.resolve();
  /** `views.json` is replaced by one at a time. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(input: SwapsInput) {
    this.#input = input;
    for (const view of input.views) this.#late.set(view, view.late);
    for (const before of input.views) {
      const { name } = before.plan;
      if (before.isNewest) continue;
      this.#cells.set(name, newSwap(before.isSwapped));
      const newest = input.views.find((view) => view.isNewest && view.plan.name === name)!;
      if (!before.isSwapped) this.#pending.set(name, { newest, before });
    }
  }

  /** What says whether a view's newest definition answers; undefined for a view with one. */
  cellOf({ plan }: ViewEpoch): SharedArrayBuffer | undefined {
    return this.#cells.get(plan.name);
  }

  /** The late rows that are a definition's to tell now. */
  lateOf(view: ViewEpoch): LateRange {
    return this.#late.get(view)!;
  }

  /** The new definition of a view, while it does not answer. */
  pendingOf(name: string): Pending | undefined {
    return this.#pending.get(name);
  }

  /** The definitions that answer now. */
  answering(): readonly ViewEpoch[] {
    const served = new Set(servedViews(this.#input.views, this).all);
    return this.#input.views.filter(({ description }) => served.has(description));
  }

  /** Whether views are swapped by themselves. */
  get mode(): SwapMode {
    return this.#input.mode;
  }

  /** Follows the views that wait for their swap. `onSwapped`: who acts by the definitions that answer acts by others now. */
  start(threads: SwapThreads, onSwapped: () => Promise<void>): void {
    this.#threads = threads;
    this.#onSwapped = onSwapped;
    if (this.#input.mode === 'auto')
      this.#following = Promise.all([...this.#pending].map(([name, pending]) => this.#follow(name, pending)));
  }

  async #follow(name: string, pending: Pending): Promise<void> {
    const { clock, messages } = this.#input;
    const { signal } = this.#ending;
    messages.info(
      { view: name, epoch: pending.newest.epoch },
      'the new definition is computed; the one before answers',
    );
    while (!signal.aborted && this.#pending.has(name)) {
      try {
        if (await this.#isNear(pending, signal)) await this.#swap(name, pending);
      } catch (error) {
        // A thread that is started again: asked again.
        if (!(error instanceof MillraceError)) messages.error({ view: name, err: error }, 'not swapped yet');
      }
      if (this.#pending.has(name)) await pause(clock, LOOK_MS, signal);
    }
  }

  /**
   * Swaps a view now. Throws NOT_FOUND, VIEW_UNCHANGED, and VIEW_BEHIND when the new definition does not come near in
   * time, unless `force`.
   */
  async swap(name: string, force: boolean): Promise<void> {
    const { views, clock } = this.#input;
    if (!views.some(({ plan }) => plan.name === name))
      throw new MillraceError('NOT_FOUND', `there is no view '${name}'`, { place: 'path view' });
    const pending = this.#pending.get(name);
    if (pending === undefined)
      throw new MillraceError('VIEW_UNCHANGED', `view '${name}' has no new definition that waits for its swap`, {
        place: name,
      });
    const waiting = new AbortController();
    const cancel = clock.after(WAIT_MS_MAX, () => waiting.abort());
    try {
      let isNear = force || (await this.#isNear(pending, waiting.signal));
      while (!isNear && !waiting.signal.aborted) {
        await pause(clock, LOOK_MS, waiting.signal);
        isNear = await this.#isNear(pending, waiting.signal);
      }
      if (!isNear)
        throw new MillraceError(
          'VIEW_BEHIND',
          `the new definition of view '${name}' has not come as far as the one that answers; see millrace explain ${name}`,
          { place: name },
        );
    } finally {
      cancel();
    }
    if (this.#pending.has(name)) await this.#swap(name, pending);
  }

  /** Whether the new definition has all that was there when this was called, at once. */
  async #isNear({ newest, before }: Pending, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#input;
    const mill = await this.#threads!.mill.rpc();
    const closedBefore = await this.#closeClock(before);
    const started = clock.monotonic();
    const reader = idOf(newest);
    const { emit } = newest.plan;
    const drained = mill.call('readerDrained', reader);
    if (!(await first(drained, signal))) return false;
    if (emit.kind === 'every') {
      // What was read is published when its time comes.
      await pause(clock, emit.ms, signal);
      if (!(await first(mill.call('readerDrained', reader), signal))) return false;
    }
    const waitedMs = emit.kind === 'every' ? emit.ms : 0;
    const store = await this.#threads!.store.rpc();
    if (!(await first(store.call('reached', newest.description.stream), signal))) return false;
    if (clock.monotonic() - started - waitedMs > NEAR_MS) return false;
    return (
      !readsTheSame(newest, before) ||
      closedBefore === null ||
      ((await this.#closeClock(newest)) ?? closedBefore) >= closedBefore
    );
  }

  /** Up to which clock a definition has closed windows, ms. */
  async #closeClock(view: ViewEpoch): Promise<number | null> {
    const all = await (await this.#threads!.mill.rpc()).call('status');
    const through = all.find(({ reader }) => reader.id === idOf(view))?.stats.completeThrough ?? null;
    return through === null ? null : through + view.plan.lagMs;
  }

  async #swap(name: string, pending: Pending): Promise<void> {
    // Who asked for the swap before this one has its error.
    const before = this.#writing.catch(() => undefined);
    const writing = before.then(() => this.#swapNow(name, pending));
    this.#writing = writing;
    await writing;
  }

  async #swapNow(name: string, pending: Pending): Promise<void> {
    if (this.#pending.get(name) !== pending) return;
    const { newest, before } = pending;
    const { disk, clock, dataFolder, messages } = this.#input;
    const at = await (await this.#threads!.mill.rpc()).call('handOver', idOf(before), idOf(newest));
    this.#handedOver(pending, at);
    await rememberSwap(disk, dataFolder, name, clock.now(), at);
    swap(this.#cells.get(name)!);
    this.#pending.delete(name);
    messages.info({ view: name, epoch: newest.epoch }, 'the new definition answers');
    await this.#onSwapped();
  }

  /** So that a mill that is started again goes on like this. */
  #handedOver({ newest, before }: Pending, at: Places): void {
    this.#late.set(newest, { from: at, to: null });
    this.#late.set(before, { ...this.lateOf(before), to: at });
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#following;
    // Who asked for it has its error.
    await this.#writing.catch(() => undefined);
  }
}

/** The definitions of all views, and which of them answer. */
export function servedViews(views: readonly ViewEpoch[], swaps: Pick<Swaps, 'cellOf'>): ServedViews {
  return new ServedViews(
    views.map((view) => {
      const cell = swaps.cellOf(view);
      return { view: view.description, isNewest: view.isNewest, ...(cell === undefined ? {} : { swap: cell }) };
    }),
  );
}

function idOf({ plan, epoch }: ViewEpoch): string {
  return readerId(plan.name, epoch);
}

function readsTheSame({ plan }: ViewEpoch, other: ViewEpoch): boolean {
  return [...sourcesOfPlan(plan)].sort().join() === [...sourcesOfPlan(other.plan)].sort().join();
}

/** Whether something came before the signal. */
async function first(done: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  let end: (() => void) | undefined;
  const aborted = new Promise<false>((resolve) => {
    end = () => resolve(false);
    signal.addEventListener('abort', end, { once: true });
  });
  try {
    return await Promise.race([done.then(() => true), aborted]);
  } finally {
    signal.removeEventListener('abort', end!);
  }
}
