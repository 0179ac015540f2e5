/**
 * GROUP BY over SESSION, for rows that are only added and grouped by the session's keys: a partial a session.
 *
 * A row opens a session, joins one or joins two into one. A session's window ends `gap` after its last row; a
 * row at that moment opens another. A session's row is passed on at the flush after each change; where the
 * view publishes closed windows only, once it has closed.
 *
 * A row is late when its stamp is beyond its time, the lag and the allowed lateness. A session that no row in
 * time can join is dropped, its row stays. A new session is refused when the view's state is full.
 * Recovery: what was passed on follows from the state, for snapshots are taken between flushes.
 */
import type { Aggregate } from '../../../sql/relation/relation.js';
import type { Value } from '../../../sql/value.js';
import type { OperatorScope } from '../build.js';
import { ExpiryQueue } from '../expiry-queue.js';
import type { Deltas, Operator, Row } from '../operator.js';
import { identicalRows } from '../order.js';
import { StateTable } from '../state-table.js';
import type { StateStore } from '../state-table.js';
import { accumulatorModule, accumulatorOf, createStates, mergeStates } from './accumulators.js';
import type { Accumulator, AccumulatorModule } from './accumulators.js';
import type { WindowAggregate } from './aggregate-window.js';
import { clockCodec } from './clock.js';
import { groupFailure } from './group-failure.js';
import { groupKeys } from './group-keys.js';
import type { GroupKeys } from './group-keys.js';
import { failureReport, Outgoing } from './row-wise.js';
import { Session, SessionGroup, sessionCodec } from './sessions.js';
import { graceOf, windowReport } from './window.js';
import type { WindowReport } from './window.js';

/** See the head of the file. */
export class SessionAggregate implements Operator {
  readonly name = 'aggregate';
  readonly tables: readonly StateStore[];
  readonly #fused: WindowAggregate;
  readonly #scope: OperatorScope;
  readonly #gapMs: number;
  readonly #graceMs: number;
  readonly #accumulators: readonly Accumulator[];
  readonly #module: AccumulatorModule;
  readonly #shown: GroupKeys;
  readonly #groups: StateTable<SessionGroup>;
  /** The clock, as the one entry 0. */
  readonly #clock: StateTable<number>;
  /** Groups by the moment at which one of their sessions closes or is dropped. */
  readonly #due = new ExpiryQueue();
  readonly #report: WindowReport;
  readonly #failed: (row: Row, error: unknown) => void;
  readonly #groupFailed: (keys: Row, error: unknown, windowStart: number) => void;
  readonly #identical: (a: Row, b: Row) => boolean;
  readonly #out = new Outgoing();
  #dirty: Session[] = [];
  #isRestoring = false;

  constructor(relation: Aggregate, fused: WindowAggregate, scope: OperatorScope) {
    const { context, path } = scope;
    const { conditions, parts, window } = fused;
    if (window.window.kind !== 'session') throw new Error('not a session');
    this.#fused = fused;
    this.#scope = scope;
    this.#gapMs = window.window.gapMs;
    this.#graceMs = graceOf(window, context);
    this.#accumulators = fused.aggregates.map((spec) => accumulatorOf(spec, { removes: false, merges: true }));
    const keys = [{ parts, types: parts.map(({ type }) => type) }];
    this.#module = accumulatorModule({ accumulators: this.#accumulators, keys, conditions, extras: [] });
    this.#shown = groupKeys(parts);
    const codec = sessionCodec(this.#accumulators, parts);
    this.#groups = new StateTable(`${path}.sessions`, codec, context.budget);
    this.#clock = new StateTable(`${path}.clock`, clockCodec, context.budget);
    this.tables = [this.#groups, this.#clock];
    this.#report = windowReport(window.input, context);
    this.#failed = failureReport(window.input, context);
    this.#groupFailed = groupFailure(relation.fields, fused.origins, context);
    this.#identical = identicalRows(relation.fields.map(({ type }) => type));
  }

  take(_input: number, { rows, stamps }: Deltas): void {
    const { time: field } = this.#fused.window;
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
      const stamp = typeof stamps === 'number' ? stamps : stamps[i]!;
      if (time === null) this.#report.nullTime(row);
      else if (stamp > time + this.#graceMs) this.#report.late(row, time, Number.NaN, stamp - time - this.#graceMs);
      else this.#addRow(row, time);
    }
  }

  #addRow(row: Row, time: number): void {
    const key = this.#module.keys[0]!;
    let group = this.#groups.get(key);
    if (group !== undefined) {
      const last = group.sessions[group.sessions.length - 1]!;
      // Nearly all rows go to the last session.
      const session = time >= last.start && time < last.last + this.#gapMs ? last : this.#joined(group, time);
      if (session !== null) return this.#addTo(group, session, row, time);
    }
    if (!this.#scope.context.budget.hasRoom()) return this.#refuse(row, time);
    if (group === undefined) {
      group = new SessionGroup(key, this.#shown.of(row));
      this.#groups.set(key, group);
      group.isTouched = true;
    }
    const session = new Session(group, time, createStates(this.#accumulators));
    this.#mark(session);
    const { sessions } = group;
    let at = sessions.length;
    while (at > 0 && sessions[at - 1]!.start > time) at--;
    if (at === sessions.length) sessions.push(session);
    else sessions.splice(at, 0, session);
    this.#addTo(group, session, row, time);
    this.#schedule(group, session);
  }

  #addTo(group: SessionGroup, session: Session, row: Row, time: number): void {
    if (!session.isDirty) this.#mark(session);
    if (time > session.last) session.last = time;
    if (time < session.start) session.start = time;
    if (this.#shown.canChange) this.#showKeys(group, row);
    this.#module.add(session.states);
  }

  #mark(session: Session): void {
    session.isDirty = true;
    this.#dirty.push(session);
    this.#touch(session.group);
  }

  #touch(group: SessionGroup): void {
    if (group.isTouched) return;
    group.isTouched = true;
    this.#groups.touch(group.key);
  }

  #showKeys(group: SessionGroup, row: Row): void {
    const keys = this.#shown.join(group.keys, row);
    if (keys === group.keys) return;
    for (const session of group.sessions) if (!session.isDirty) this.#mark(session);
    group.keys = keys;
  }

  /** The session that a row at `time` belongs to, made one of all that it joins; null where there is none. */
  #joined(group: SessionGroup, time: number): Session | null {
    const { sessions } = group;
    let into: Session | null = null;
    for (let i = sessions.length - 1; i >= 0; i--) {
      const session = sessions[i]!;
      if (session.last + this.#gapMs <= time) break;
      if (session.start >= time + this.#gapMs) continue;
      if (into !== null) {
        this.#touch(group);
        this.#merge(session, sessions.splice(i + 1, 1)[0]!);
      }
      into = session;
    }
    return into;
  }

  #merge(session: Session, later: Session): void {
    if (!session.isDirty) this.#mark(session);
    mergeStates(this.#accumulators, session.states, later.states);
    session.last = Math.max(session.last, later.last);
    later.isMerged = true;
    if (later.passed !== null) session.retracted.push(later.passed);
    session.retracted.push(...later.retracted);
  }

  #refuse(row: Row, time: number): void {
    const { fields, source } = this.#report;
    const none = Number.NaN;
    const at = { time, windowStart: none, lateByMs: none };
    this.#scope.context.late({ source, row, fields, reason: 'state_full', ...at });
  }

  #schedule(group: SessionGroup, session: Session): void {
    const { allowedLatenessMs, endLagMs, isBatch, isFinalOnly } = this.#scope.context;
    if (isBatch) return;
    const isHeld = isFinalOnly && session.passed === null && !session.isBroken;
    const waits = isHeld ? endLagMs : endLagMs + allowedLatenessMs;
    this.#due.add(session.last + this.#gapMs + waits, group.key);
  }

  flush(): void {
    const out = this.#out;
    out.clear();
    const dirty = this.#dirty;
    this.#dirty = [];
    const now = this.#clock.get(0) ?? Number.NEGATIVE_INFINITY;
    for (const session of dirty) {
      session.isDirty = false;
      session.group.isTouched = false;
      if (!session.isMerged) this.#pass(session, now);
    }
    for (let key = this.#due.due(now); key !== undefined; key = this.#due.due(now)) {
      const group = this.#groups.get(key);
      if (group !== undefined) this.#settle(group, now);
    }
    if (out.rows.length > 0)
      this.#scope.output({ rows: out.rows, weights: out.weights, stamps: Number.NEGATIVE_INFINITY });
  }

  /** Passes on how a session's row changed. */
  #pass(session: Session, now: number): void {
    const { endLagMs, isFinalOnly } = this.#scope.context;
    const isHeld = isFinalOnly && session.last + this.#gapMs + endLagMs >= now;
    const row = isHeld ? null : this.#rowOf(session);
    for (const passed of session.retracted) this.#push(passed, -1);
    session.retracted.length = 0;
    const { passed } = session;
    if (passed !== null && row !== null && this.#identical(passed, row)) return;
    session.passed = row;
    if (passed !== null) this.#push(passed, -1);
    if (row !== null) this.#push(row, 1);
    // A correction made a closed session longer: it is open again.
    if (isHeld && passed !== null) this.#schedule(session.group, session);
  }

  #push(row: Row, weight: number): void {
    this.#out.rows.push(row);
    this.#out.weights.push(weight);
  }

  /** Passes on sessions of a group that have closed, and drops those that no row can join any more. */
  #settle(group: SessionGroup, now: number): void {
    const { isFinalOnly } = this.#scope.context;
    const { sessions } = group;
    for (const session of sessions) if (isFinalOnly && session.passed === null) this.#pass(session, now);
    const { allowedLatenessMs, endLagMs } = this.#scope.context;
    const graceMs = this.#gapMs + endLagMs + allowedLatenessMs;
    let dead = 0;
    while (dead < sessions.length && sessions[dead]!.last + graceMs < now) dead++;
    if (dead === sessions.length) return this.#groups.delete(group.key);
    if (dead > 0) {
      this.#groups.touch(group.key);
      sessions.splice(0, dead);
    }
    for (const session of sessions) this.#schedule(group, session);
  }

  /** A session's row; null where a value is an error, which is reported once while it lasts. */
  #rowOf(session: Session): Row | null {
    const { group, last, start, states } = session;
    const row: Value[] = [];
    for (const origin of this.#fused.origins)
      if (typeof origin === 'number') row.push(group.keys[origin]!);
      else row.push(origin === 'start' ? start : last + this.#gapMs);
    try {
      for (let i = 0; i < states.length; i++) row.push(this.#accumulators[i]!.aggregator.value(states[i]));
    } catch (error) {
      if (!this.#isRestoring && !session.isBroken) this.#groupFailed(row, error, start);
      session.isBroken = true;
      return null;
    }
    session.isBroken = false;
    return row;
  }

  advance(now: number): void {
    this.#clock.set(0, now);
  }

  restored(): void {
    this.#dirty = [];
    this.#due.clear();
    this.#isRestoring = true;
    const now = this.#clock.get(0) ?? Number.NEGATIVE_INFINITY;
    for (const group of this.#groups.values())
      for (const session of group.sessions) {
        this.#pass(session, now);
        this.#schedule(group, session);
      }
    this.#out.clear();
    this.#isRestoring = false;
  }
}
