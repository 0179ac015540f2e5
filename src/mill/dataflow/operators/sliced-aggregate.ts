/**
 * GROUP BY over TUMBLE, HOP or CUMULATE, for rows that are only added: adds each row to one slice
 * (`slices.ts`) and combines slices when a window's row is passed on.
 *
 * A view that publishes open windows gets the rows of every window that changed, at each flush. One that
 * publishes closed windows only gets a window's rows once, when it closes, from a running merge a key; then
 * what a row costs does not depend on how many windows it is in.
 *
 * A window is gone once no row in time can reach it; slices go with the last window that they are in. A new
 * slice is refused when the view's state is full.
 */
import type { Aggregate } from '../../../sql/relation/relation.js';
import type { Value } from '../../../sql/value.js';
import type { OperatorScope } from '../build.js';
import type { Deltas, Operator, Row } from '../operator.js';
import { identicalRows } from '../order.js';
import { StateTable } from '../state-table.js';
import type { StateStore } from '../state-table.js';
import { windowGrid } from '../windows.js';
import type { FixedWindow, WindowGrid } from '../windows.js';
import { accumulatorModule, accumulatorOf, createStates, mergeStates } from './accumulators.js';
import type { Accumulator, AccumulatorModule } from './accumulators.js';
import type { WindowAggregate } from './aggregate-window.js';
import { clockCodec } from './clock.js';
import { groupKeys } from './group-keys.js';
import type { GroupKeys } from './group-keys.js';
import { groupFailure } from './group-failure.js';
import { RollingMerge } from './rolling-merge.js';
import { failureReport, Outgoing } from './row-wise.js';
import { firstAtOrAfter, SlicedGroup, SlicedGroups } from './slices.js';
import type { Slice } from './slices.js';
import { endGraceOf, graceOf, windowReport } from './window.js';
import type { WindowReport } from './window.js';

/** See the head of the file. */
export class SlicedAggregate implements Operator {
  readonly name = 'aggregate';
  readonly tables: readonly StateStore[];
  readonly #fused: WindowAggregate;
  readonly #scope: OperatorScope;
  readonly #grid: WindowGrid;
  /** How long behind its window's end a row is taken, and from when on that is told as late, ms. */
  readonly #graceMs: number;
  readonly #lateFromMs: number;
  readonly #accumulators: readonly Accumulator[];
  readonly #module: AccumulatorModule;
  readonly #add: (states: readonly unknown[]) => void;
  readonly #shown: GroupKeys;
  readonly #store: SlicedGroups;
  /** The clock, as the one entry 0. */
  readonly #clock: StateTable<number>;
  readonly #report: WindowReport;
  readonly #failed: (row: Row, error: unknown) => void;
  readonly #groupFailed: (keys: Row, error: unknown, windowStart: number) => void;
  readonly #identical: (a: Row, b: Row) => boolean;
  /** Whether rows that were passed on can change. */
  readonly #canChange: boolean;
  readonly #out = new Outgoing();
  #dirty: SlicedGroup[] = [];
  #isRestoring = false;
  /** Windows up to this one have been passed on. */
  #horizon: number;
  /** Windows up to this one are gone. */
  #gone = Number.NEGATIVE_INFINITY;

  constructor(relation: Aggregate, fused: WindowAggregate, scope: OperatorScope) {
    const { context, path } = scope;
    const { window } = fused;
    this.#fused = fused;
    this.#scope = scope;
    this.#grid = windowGrid(window.window as FixedWindow);
    this.#graceMs = endGraceOf(window, context);
    this.#lateFromMs = graceOf(window, context);
    const isTumbling = window.window.kind === 'tumble';
    this.#accumulators = fused.aggregates.map((spec) => accumulatorOf(spec, { removes: false, merges: !isTumbling }));
    const keys = [{ parts: fused.parts, types: fused.parts.map(({ type }) => type) }];
    const { conditions } = fused;
    this.#module = accumulatorModule({ accumulators: this.#accumulators, keys, conditions, extras: [] });
    this.#add = (states) => this.#module.add(states);
    this.#shown = groupKeys(fused.parts);
    this.#store = new SlicedGroups(`${path}.slices`, this.#accumulators, fused.parts, context.budget);
    this.#clock = new StateTable<number>(`${path}.clock`, clockCodec, context.budget);
    this.tables = [this.#store, this.#clock];
    this.#report = windowReport(window.input, context);
    this.#failed = failureReport(window.input, context);
    this.#groupFailed = groupFailure(relation.fields, fused.origins, context);
    this.#identical = identicalRows(relation.fields.map(({ type }) => type));
    this.#canChange = !context.isFinalOnly || context.allowedLatenessMs > 0;
    this.#horizon = context.isFinalOnly ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }

  take(_input: number, { rows, stamps }: Deltas): void {
    const { time: field } = this.#fused.window;
    const grid = this.#grid;
    const module = this.#module;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      try {
        if (!module.evaluate(row)) continue;
      } catch (error) {
        this.#failed(row, error);
        continue;
      }
      const time = row[field] as number | null;
      if (time === null) {
        this.#report.nullTime(row);
        continue;
      }
      const pane = grid.paneOf(time);
      const first = grid.firstWindow(pane);
      if (first > grid.lastWindow(pane)) continue;
      const stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
      const from = stamp <= grid.end(first) + this.#graceMs ? first : this.#lateFrom(row, time, pane, stamp);
      if (from <= grid.lastWindow(pane)) this.#addRow(row, time, pane, from);
    }
  }

  /** The first window of the pane that the row is in time for. */
  #lateFrom(row: Row, time: number, pane: number, stamp: number): number {
    const grid = this.#grid;
    const first = grid.firstWindow(pane);
    const last = grid.lastWindow(pane);
    let from = first;
    while (from <= last && stamp > grid.end(from) + this.#graceMs) from++;
    this.#report.late(row, time, grid.start(first), stamp - grid.end(first) - this.#lateFromMs);
    return from;
  }

  #addRow(row: Row, time: number, pane: number, from: number): void {
    const key = this.#module.keys[0]!;
    const { groups } = this.#store;
    let group = groups.get(key);
    const isExtra = from !== this.#grid.firstWindow(pane);
    let slice = group === undefined ? undefined : this.#find(group, pane, from, isExtra);
    if (slice === undefined) {
      if (!this.#scope.context.budget.hasRoom()) return this.#refuse(row, time, from);
      if (group === undefined) {
        group = new SlicedGroup(key, this.#shown.of(row));
        groups.set(key, group);
      }
      slice = this.#store.sliceAt(group, pane, from, isExtra);
    }
    this.#store.touch(slice);
    if (this.#shown.canChange) this.#showKeys(slice.group, row);
    this.#module.add(slice.states);
    if (group!.rolling !== null && !isExtra) group!.rolling.addTo(pane, this.#add);
    if (from <= this.#horizon) this.#mark(group!, from, this.#grid.lastWindow(pane));
  }

  #find(group: SlicedGroup, pane: number, from: number, isExtra: boolean): Slice | undefined {
    if (isExtra) return group.extras.find((slice) => slice.pane === pane && slice.from === from);
    const { slices } = group;
    const last = slices[slices.length - 1];
    if (last !== undefined && last.pane === pane) return last;
    const slice = slices[firstAtOrAfter(slices, pane)];
    return slice?.pane === pane ? slice : undefined;
  }

  #showKeys(group: SlicedGroup, row: Row): void {
    const keys = this.#shown.join(group.keys, row);
    if (keys === group.keys) return;
    for (const slice of group.slices) {
      this.#store.touch(slice);
      this.#mark(group, this.#grid.firstWindow(slice.pane), this.#grid.lastWindow(slice.pane));
    }
    for (const slice of group.extras) this.#store.touch(slice);
    group.keys = keys;
  }

  #refuse(row: Row, time: number, window: number): void {
    const { context } = this.#scope;
    const windowStart = this.#grid.start(window);
    const { source, fields } = this.#report;
    context.late({ source, row, fields, reason: 'state_full', time, windowStart, lateByMs: Number.NaN });
  }

  #mark(group: SlicedGroup, from: number, to: number): void {
    if (group.dirtyFrom > group.dirtyTo) this.#dirty.push(group);
    if (from < group.dirtyFrom) group.dirtyFrom = from;
    if (to > group.dirtyTo) group.dirtyTo = to;
  }

  flush(): void {
    const out = this.#out;
    out.clear();
    const { endLagMs, isFinalOnly } = this.#scope.context;
    const before = this.#horizon;
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const group of dirty) {
      const { dirtyFrom, dirtyTo } = group;
      group.dirtyFrom = Number.POSITIVE_INFINITY;
      group.dirtyTo = Number.NEGATIVE_INFINITY;
      this.#passWindows(group, dirtyFrom, Math.min(dirtyTo, before), new RollingMerge(this.#accumulators));
    }
    const now = this.#clock.get(0) ?? Number.NEGATIVE_INFINITY;
    if (isFinalOnly && now > Number.NEGATIVE_INFINITY) {
      this.#horizon = this.#grid.lastBefore(now - endLagMs);
      if (this.#horizon > before) this.#close(before + 1, this.#horizon);
    }
    this.#expire(now);
    if (out.rows.length > 0)
      this.#scope.output({ rows: out.rows, weights: out.weights, stamps: Number.NEGATIVE_INFINITY });
  }

  /** Passes on the rows of windows that have closed. */
  #close(from: number, to: number): void {
    for (const group of this.#store.groups.values()) {
      group.rolling ??= new RollingMerge(this.#accumulators);
      this.#passWindows(group, from, to, group.rolling);
    }
  }

  /** Passes on what changed in the windows of a group; windows without rows are leapt over. */
  #passWindows(group: SlicedGroup, from: number, to: number, rolling: RollingMerge): void {
    const grid = this.#grid;
    const { extras, slices } = group;
    const begin = Math.max(from, this.#gone + 1);
    let at = firstAtOrAfter(slices, grid.firstPane(begin));
    for (let window = begin; ; window++) {
      while (at < slices.length && slices[at]!.pane < grid.firstPane(window)) at++;
      window = this.#nextWindow(group, slices[at], window);
      if (window > to || window === Number.POSITIVE_INFINITY) return;
      const first = grid.firstPane(window);
      const last = grid.lastPane(window);
      const slice = slices[at];
      let states: readonly unknown[] | null = null;
      if (slice !== undefined && slice.pane <= last)
        states = first === last ? slice.states : rolling.run(slices, first, last);
      if (extras.length > 0) states = this.#withExtras(extras, states, window);
      if (states !== null) this.#pass(group, window, states);
    }
  }

  /** The first window from `window` on that has a slice: `slice` is the first at its panes or behind them. */
  #nextWindow({ extras }: SlicedGroup, slice: Slice | undefined, window: number): number {
    let next = Number.POSITIVE_INFINITY;
    if (slice !== undefined) next = Math.max(window, this.#grid.firstWindow(slice.pane));
    for (const { from, pane } of extras)
      if (this.#grid.lastWindow(pane) >= window) next = Math.min(next, Math.max(window, from));
    return next;
  }

  #withExtras(extras: readonly Slice[], states: readonly unknown[] | null, window: number): readonly unknown[] | null {
    const first = this.#grid.firstPane(window);
    const last = this.#grid.lastPane(window);
    const counted = extras.filter(({ from, pane }) => from <= window && pane >= first && pane <= last);
    if (counted.length === 0) return states;
    const whole = createStates(this.#accumulators);
    if (states !== null) mergeStates(this.#accumulators, whole, states);
    for (const extra of counted) mergeStates(this.#accumulators, whole, extra.states);
    return whole;
  }

  #pass(group: SlicedGroup, window: number, states: readonly unknown[]): void {
    const row = this.#rowOf(group, window, states);
    const passed = this.#canChange ? group.passed.get(window) : undefined;
    if (passed !== undefined && row !== null && this.#identical(passed, row)) return;
    const { rows, weights } = this.#out;
    if (passed !== undefined) {
      rows.push(passed);
      weights.push(-1);
      group.passed.delete(window);
    }
    if (row === null) return;
    rows.push(row);
    weights.push(1);
    if (this.#canChange) group.passed.set(window, row);
  }

  /** The row of a window; null where a value is an error, which is reported once while it lasts. */
  #rowOf(group: SlicedGroup, window: number, states: readonly unknown[]): Row | null {
    const row: Value[] = [];
    for (const origin of this.#fused.origins)
      if (typeof origin === 'number') row.push(group.keys[origin]!);
      else row.push(origin === 'start' ? this.#grid.start(window) : this.#grid.end(window));
    try {
      for (let i = 0; i < states.length; i++) row.push(this.#accumulators[i]!.aggregator.value(states[i]));
    } catch (error) {
      group.broken ??= new Set();
      if (!this.#isRestoring && !group.broken.has(window)) this.#groupFailed(row, error, this.#grid.start(window));
      group.broken.add(window);
      return null;
    }
    group.broken?.delete(window);
    return row;
  }

  advance(now: number): void {
    this.#clock.set(0, now);
  }

  /** Drops what no row in time can reach. */
  #expire(now: number): void {
    const { allowedLatenessMs, endLagMs, isBatch } = this.#scope.context;
    if (isBatch || now === Number.NEGATIVE_INFINITY) return;
    const gone = this.#grid.lastBefore(now - endLagMs - allowedLatenessMs);
    if (gone <= this.#gone) return;
    this.#gone = gone;
    for (const [key, group] of this.#store.groups) {
      this.#expireGroup(group, gone);
      if (group.slices.length + group.extras.length === 0) this.#store.groups.delete(key);
    }
  }

  #expireGroup(group: SlicedGroup, gone: number): void {
    const grid = this.#grid;
    const { broken, extras, passed, slices } = group;
    let dead = 0;
    while (dead < slices.length && grid.lastWindow(slices[dead]!.pane) <= gone) this.#store.forget(slices[dead++]!);
    if (dead > 0) slices.splice(0, dead);
    for (const window of passed.keys()) if (window <= gone) passed.delete(window);
    if (broken !== null) for (const window of broken) if (window <= gone) broken.delete(window);
    for (let i = extras.length - 1; i >= 0; i--) {
      const extra = extras[i]!;
      if (extra.from > gone + 1) continue;
      extras.splice(i, 1);
      this.#store.forget(extra);
      if (grid.lastWindow(extra.pane) > gone) this.#fold(group, extra);
    }
  }

  /** The windows that a late slice does not count for are gone: it joins its pane's. */
  #fold(group: SlicedGroup, extra: Slice): void {
    const slice = this.#store.sliceAt(group, extra.pane, this.#grid.firstWindow(extra.pane), false);
    const add = (states: readonly unknown[]): void => mergeStates(this.#accumulators, states, extra.states);
    this.#store.touch(slice);
    add(slice.states);
    group.rolling?.addTo(extra.pane, add);
  }

  restored(): void {
    this.#dirty = [];
    this.#store.settle((pane) => this.#grid.firstWindow(pane));
    const { allowedLatenessMs, endLagMs, isFinalOnly } = this.#scope.context;
    const now = this.#clock.get(0) ?? Number.NEGATIVE_INFINITY;
    if (now > Number.NEGATIVE_INFINITY) {
      this.#gone = this.#grid.lastBefore(now - endLagMs - allowedLatenessMs);
      if (isFinalOnly) this.#horizon = this.#grid.lastBefore(now - endLagMs);
    }
    if (!this.#canChange) return;
    this.#isRestoring = true;
    for (const group of this.#store.groups.values()) this.#remember(group);
    this.#out.clear();
    this.#isRestoring = false;
  }

  /** What was passed on of a group follows from its slices. */
  #remember(group: SlicedGroup): void {
    this.#passWindows(group, Number.NEGATIVE_INFINITY, this.#horizon, new RollingMerge(this.#accumulators));
  }
}
