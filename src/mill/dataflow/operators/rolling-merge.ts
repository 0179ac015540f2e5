/**
 * The merged partials of a run of panes that moves on: two stacks.
 *
 * The front has, for each of its panes, the merge of that pane and all behind it in the front; the back is
 * one merge of what came after. A pane that leaves is popped; when the front is empty it is made anew from
 * all panes of the run. So a move costs two merges on average, however long the run is. (Tangwongsan,
 * Hirzel, Schneider: Low-latency sliding-window aggregation in worst-case constant time, DEBS 2017, §2.)
 *
 * Rows that come for a pane that is merged already go to the back, or to a *patch* beside the front.
 */
import { createStates, mergeStates } from './accumulators.js';
import type { Accumulator } from './accumulators.js';
import { firstAtOrAfter } from './slices.js';
import type { Slice } from './slices.js';

/** Most patches; with more the front is made anew. */
const PATCHES_MAX = 8;

interface Merged {
  readonly pane: number;
  readonly states: unknown[];
}

/** See the head of the file. Both ends of the runs that are asked for never move back. */
export class RollingMerge {
  readonly #accumulators: readonly Accumulator[];
  /** The run's first pane last. */
  #front: Merged[] = [];
  #back: Merged | null = null;
  #patches: Merged[] = [];
  /** Panes up to `middle` are in the front, those up to `to` in the back. */
  #middle = Number.NEGATIVE_INFINITY;
  #to = Number.NEGATIVE_INFINITY;
  #isStale = true;

  constructor(accumulators: readonly Accumulator[]) {
    this.#accumulators = accumulators;
  }

  /** The merge of the slices of panes `first` to `last`; null where there is none. Not to be changed. */
  run(slices: readonly Slice[], first: number, last: number): unknown[] | null {
    const front = this.#front;
    while (front.length > 0 && front[front.length - 1]!.pane < first) front.pop();
    const isPast = front.length === 0 && this.#back !== null && this.#back.pane < first;
    if (this.#isStale || isPast) this.#renew(slices, first, last);
    else this.#extend(slices, first, last);
    return this.#combined(first);
  }

  #renew(slices: readonly Slice[], first: number, last: number): void {
    this.#front = [];
    this.#back = null;
    this.#patches = [];
    this.#isStale = false;
    this.#middle = last;
    this.#to = last;
    let behind: unknown[] | null = null;
    for (let i = firstAtOrAfter(slices, last + 1) - 1; i >= 0 && slices[i]!.pane >= first; i--) {
      const states = createStates(this.#accumulators);
      mergeStates(this.#accumulators, states, slices[i]!.states);
      if (behind !== null) mergeStates(this.#accumulators, states, behind);
      this.#front.push({ pane: slices[i]!.pane, states });
      behind = states;
    }
  }

  #extend(slices: readonly Slice[], first: number, last: number): void {
    if (last <= this.#to) return;
    for (let i = firstAtOrAfter(slices, Math.max(first, this.#to + 1)); i < slices.length; i++) {
      const { pane, states } = slices[i]!;
      if (pane > last) break;
      this.#back ??= { pane, states: createStates(this.#accumulators) };
      mergeStates(this.#accumulators, this.#back.states, states);
    }
    this.#to = last;
  }

  #combined(first: number): unknown[] | null {
    const parts: unknown[][] = [];
    if (this.#front.length > 0) parts.push(this.#front[this.#front.length - 1]!.states);
    if (this.#back !== null) parts.push(this.#back.states);
    for (const { pane, states } of this.#patches) if (pane >= first) parts.push(states);
    if (parts.length < 2) return parts[0] ?? null;
    const whole = createStates(this.#accumulators);
    for (const states of parts) mergeStates(this.#accumulators, whole, states);
    return whole;
  }

  /** Adds to what is merged already: `add` is given the states to add to, where the pane is among them. */
  addTo(pane: number, add: (states: readonly unknown[]) => void): void {
    if (pane > this.#to || this.#isStale) return;
    if (pane > this.#middle && this.#back !== null && this.#back.pane <= pane) return add(this.#back.states);
    let patch = this.#patches.find((one) => one.pane === pane);
    if (patch === undefined) {
      if (this.#patches.length === PATCHES_MAX) {
        this.#isStale = true;
        return;
      }
      patch = { pane, states: createStates(this.#accumulators) };
      this.#patches.push(patch);
    }
    add(patch.states);
  }
}
