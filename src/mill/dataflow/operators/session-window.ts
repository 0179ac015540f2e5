/**
 * SESSION and STAGGER, row by row: windows that rows make. Each row with the bounds of its window; when a
 * row comes or goes, the rows whose windows it changes are taken back and passed on with the new bounds.
 *
 * A session ends `gap` after its last row. A stagger window opens with a key's first row and is `size` long;
 * the next row at its end or behind opens the next.
 *
 * A row is late when its stamp is beyond its time, the lag and the allowed lateness. Rows of a window that no
 * row in time can change are dropped; what was passed on stays. A new row is refused when the view's state
 * is full. State: all rows of windows that can change, by key.
 */
import type { Windowed } from '../../../sql/relation/relation.js';
import type { OperatorScope } from '../build.js';
import { ExpiryQueue } from '../expiry-queue.js';
import { keyFunction } from '../keys.js';
import type { Deltas, Operator, Row } from '../operator.js';
import { rowComparator } from '../order.js';
import type { Compare } from '../order.js';
import { StateTable } from '../state-table.js';
import type { Key, StateStore } from '../state-table.js';
import { failureReport, Outgoing } from './row-wise.js';
import { firstAtTime, TimedRow, timedRowsCodec } from './timed-rows.js';
import type { TimedRows } from './timed-rows.js';
import { graceOf, windowReport } from './window.js';
import type { WindowReport } from './window.js';

/** See the head of the file. */
export class SessionWindow implements Operator {
  readonly name = 'window';
  readonly tables: readonly StateStore[];
  readonly #relation: Windowed;
  readonly #scope: OperatorScope;
  /** Length of a gap or a window, ms. */
  readonly #lengthMs: number;
  readonly #isSession: boolean;
  readonly #graceMs: number;
  readonly #keyOf: (row: Row) => Key;
  readonly #compare: Compare<Row>;
  readonly #groups: StateTable<TimedRows>;
  readonly #due = new ExpiryQueue();
  readonly #report: WindowReport;
  readonly #failed: (row: Row, error: unknown) => void;
  readonly #out = new Outgoing();
  #dirty: TimedRows[] = [];

  constructor(relation: Windowed, scope: OperatorScope) {
    const { input, window } = relation;
    const { context, path } = scope;
    if (window.kind !== 'session' && window.kind !== 'stagger') throw new Error('a window of fixed length');
    this.#relation = relation;
    this.#scope = scope;
    this.#isSession = window.kind === 'session';
    this.#lengthMs = window.kind === 'session' ? window.gapMs : window.sizeMs;
    this.#graceMs = graceOf(relation, context);
    this.#keyOf = keyFunction(
      window.keys,
      window.keys.map(({ type }) => type),
    );
    this.#compare = rowComparator([], input.fields);
    this.#groups = new StateTable(`${path}.rows`, timedRowsCodec(input.fields), context.budget);
    this.tables = [this.#groups];
    this.#report = windowReport(input, context);
    this.#failed = failureReport(input, context);
  }

  take(_input: number, { rows, stamps, weights }: Deltas): void {
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const isAdded = weights === null || weights[i]! > 0;
      const time = row[this.#relation.time] as number | null;
      const stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
      if (time === null) {
        if (isAdded) this.#report.nullTime(row);
        continue;
      }
      let key: Key;
      try {
        key = this.#keyOf(row);
      } catch (error) {
        if (isAdded) this.#failed(row, error);
        continue;
      }
      if (!isAdded) this.#remove(key, row, time, stamp);
      else if (stamp > time + this.#graceMs) this.#report.late(row, time, Number.NaN, stamp - time - this.#graceMs);
      else this.#add(key, row, time, stamp);
    }
  }

  #add(key: Key, row: Row, time: number, stamp: number): void {
    const { context } = this.#scope;
    if (!context.budget.hasRoom()) {
      const { fields, source } = this.#report;
      const none = Number.NaN;
      const at = { time, windowStart: none, lateByMs: none };
      return context.late({ source, row, fields, reason: 'state_full', ...at });
    }
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { key, rows: [], retracted: [], dirtyFrom: Number.POSITIVE_INFINITY, dirtyTo: Number.NEGATIVE_INFINITY };
      this.#groups.set(key, group);
    }
    const { rows } = group;
    let at = rows.length;
    if (at > 0 && rows[at - 1]!.time > time) at = firstAtTime(rows, time);
    const timed = new TimedRow(row, time, stamp);
    this.#mark(group, time);
    if (at === rows.length) rows.push(timed);
    else rows.splice(at, 0, timed);
    this.#schedule(group);
  }

  #remove(key: Key, row: Row, time: number, stamp: number): void {
    const group = this.#groups.get(key);
    if (group === undefined) return;
    const { rows } = group;
    for (let at = firstAtTime(rows, time); at < rows.length && rows[at]!.time === time; at++) {
      const found = rows[at]!;
      if (this.#compare(found.row, row) !== 0) continue;
      this.#mark(group, time);
      rows.splice(at, 1);
      if (!Number.isNaN(found.start)) group.retracted.push({ row: [...found.row, found.start, found.end], stamp });
      return;
    }
  }

  #mark(group: TimedRows, time: number): void {
    if (group.dirtyFrom > group.dirtyTo) {
      this.#dirty.push(group);
      this.#groups.touch(group.key);
    }
    if (time < group.dirtyFrom) group.dirtyFrom = time;
    if (time > group.dirtyTo) group.dirtyTo = time;
  }

  #schedule({ key, rows }: TimedRows): void {
    const { allowedLatenessMs, isBatch, lagMs } = this.#scope.context;
    if (!isBatch) this.#due.add(rows[0]!.time + this.#lengthMs + lagMs + allowedLatenessMs, key);
  }

  flush(): void {
    const out = this.#out;
    out.clear();
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const group of dirty) {
      for (const { row, stamp } of group.retracted) this.#push(row, -1, stamp);
      group.retracted.length = 0;
      this.#assign(group);
      group.dirtyFrom = Number.POSITIVE_INFINITY;
      group.dirtyTo = Number.NEGATIVE_INFINITY;
      if (group.rows.length === 0) this.#groups.delete(group.key);
    }
    if (out.rows.length > 0) this.#scope.output(out);
  }

  #push(row: Row, weight: number, stamp: number): void {
    this.#out.rows.push(row);
    this.#out.weights.push(weight);
    this.#out.stamps.push(stamp);
  }

  /** Makes the windows anew from the one before the first change to the first one behind the last that stays. */
  #assign({ dirtyFrom, dirtyTo, rows }: TimedRows): void {
    let at = firstAtTime(rows, dirtyFrom);
    if (at > 0) at = firstAtTime(rows, rows[at - 1]!.start);
    while (at < rows.length) {
      const { time: start } = rows[at]!;
      if (start > dirtyTo && rows[at]!.start === start) return;
      const next = this.#endOfRun(rows, at);
      const end = this.#isSession ? rows[next - 1]!.time + this.#lengthMs : start + this.#lengthMs;
      for (; at < next; at++) this.#bound(rows[at]!, start, end);
    }
  }

  /** Position behind the last row of the window that the row at `from` opens. */
  #endOfRun(rows: readonly TimedRow[], from: number): number {
    let limit = rows[from]!.time + this.#lengthMs;
    let at = from + 1;
    for (; at < rows.length && rows[at]!.time < limit; at++)
      if (this.#isSession) limit = rows[at]!.time + this.#lengthMs;
    return at;
  }

  #bound(of: TimedRow, start: number, end: number): void {
    if (of.start === start && of.end === end) return;
    if (!Number.isNaN(of.start)) this.#push([...of.row, of.start, of.end], -1, of.stamp);
    of.start = start;
    of.end = end;
    this.#push([...of.row, start, end], 1, of.stamp);
  }

  advance(now: number): void {
    const { allowedLatenessMs, lagMs } = this.#scope.context;
    for (let key = this.#due.due(now); key !== undefined; key = this.#due.due(now)) {
      const group = this.#groups.get(key);
      if (group === undefined) continue;
      const { rows } = group;
      let dead = 0;
      while (dead < rows.length && rows[dead]!.end + lagMs + allowedLatenessMs < now) dead++;
      if (dead > 0) {
        this.#groups.touch(key);
        rows.splice(0, dead);
      }
      if (rows.length === 0) this.#groups.delete(key);
      else this.#due.add(rows[0]!.end + lagMs + allowedLatenessMs, key);
    }
  }

  restored(): void {
    this.#dirty = [];
    this.#due.clear();
    for (const group of this.#groups.values()) this.#schedule(group);
  }
}
