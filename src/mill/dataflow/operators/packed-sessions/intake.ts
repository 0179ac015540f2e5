/**
 * Rows on their way into sessions: each is given its session first, then each aggregate takes its argument column by
 * column. Before two sessions become one, the rows so far are added.
 *
 * A row is late when its stamp is beyond its time, the lag and the allowed lateness. A new session is refused when
 * the view's state is full.
 */
import type { Windowed } from '../../../../sql/relation/relation.js';
import { valueOf, type Vector } from '../../block.js';
import type { DataflowContext, Deltas, Row } from '../../operator.js';
import type { WindowAggregate } from '../aggregate-window.js';
import { failureReport } from '../row-wise.js';
import { graceOf, windowReport, type WindowReport } from '../window.js';
import { packedInputs, type PackedInput, type PackedInputs } from './inputs.js';
import type { PackedAggregate } from './packed-aggregate.js';
import { DIRTY, NONE } from './sessions.js';
import type { SessionState } from './state.js';

/** See the head of the file. */
export class SessionIntake {
  readonly #state: SessionState;
  readonly #aggregates: readonly PackedAggregate[];
  readonly #context: DataflowContext;
  readonly #inputs: PackedInputs;
  readonly #graceMs: number;
  readonly #report: WindowReport;
  readonly #failed: (row: Row, error: unknown) => void;
  /** The key and the session of each row of the block that is taken. */
  #ids = new Int32Array(0);
  #slots = new Int32Array(0);
  #input: PackedInput | null = null;
  /** How many rows of it the aggregates have. */
  #added = 0;

  constructor(
    { aggregates: specs, parts, window }: WindowAggregate,
    aggregates: readonly PackedAggregate[],
    state: SessionState,
    context: DataflowContext,
  ) {
    this.#state = state;
    this.#aggregates = aggregates;
    this.#context = context;
    this.#inputs = packedInputs({ keys: parts, time: timeOf(window), aggregates: specs });
    this.#graceMs = graceOf(window, context);
    this.#report = windowReport(window.input, context);
    this.#failed = failureReport(window.input, context);
  }

  /** Takes rows, which are only added. */
  take(deltas: Deltas): void {
    const { block } = deltas;
    const input =
      (block === undefined ? null : this.#inputs.ofBlock(block)) ?? this.#inputs.ofRows(deltas.rows, this.#failed);
    const { count } = input.keys;
    const { keys, sessions } = this.#state;
    if (this.#ids.length < count) {
      this.#ids = new Int32Array(count);
      this.#slots = new Int32Array(count);
    }
    keys.idsOf(input.keys, this.#ids);
    sessions.resizeKeys(keys.size);
    this.#input = input;
    this.#added = 0;
    const isWhole = this.#assign(input, input.time!, deltas);
    this.#addTo(count);
    this.#input = null;
    if (isWhole) return;
    for (let i = 0; i < count; i++) if (sessions.heads[this.#ids[i]!] === NONE) keys.rest(this.#ids[i]!);
  }

  /** Gives each row its session; answers whether all have one. */
  #assign({ keys, places }: PackedInput, vector: Vector, deltas: Deltas): boolean {
    const { stamps } = deltas;
    const { gapMs, sessions } = this.#state;
    const times = vector.kind === 'numbers' && vector.nulls === null ? vector.values : null;
    const ids = this.#ids;
    const slots = this.#slots;
    const graceMs = this.#graceMs;
    let isWhole = true;
    for (let i = 0; i < keys.count; i++) {
      const time = times === null ? (valueOf(vector, i) as number | null) : times[i]!;
      const stamp = typeof stamps === 'number' ? stamps : stamps[places === null ? i : places[i]!]!;
      let slot = NONE;
      if (time !== null && stamp <= time + graceMs) {
        // Nearly all rows go to the last session.
        const head = sessions.heads[ids[i]!]!;
        const isHead = head !== NONE && time >= sessions.start[head]! && time < sessions.last[head]! + gapMs;
        slot = isHead ? head : this.#placed(ids[i]!, time, i);
      }
      slots[i] = slot;
      if (slot === NONE) {
        this.#leaveOut(deltas.rows[places === null ? i : places[i]!]!, time, stamp);
        isWhole = false;
        continue;
      }
      if ((sessions.flags[slot]! & DIRTY) === 0) this.#state.mark(slot);
      if (time! > sessions.last[slot]!) sessions.last[slot] = time!;
      if (time! < sessions.start[slot]!) sessions.start[slot] = time!;
    }
    return isWhole;
  }

  /** Reports a row that has no session. */
  #leaveOut(row: Row, time: number | null, stamp: number): void {
    if (time === null) return this.#report.nullTime(row);
    const lateByMs = stamp - time - this.#graceMs;
    const none = Number.NaN;
    if (lateByMs > 0) return this.#report.late(row, time, none, lateByMs);
    const { fields, source } = this.#report;
    this.#context.late({ source, row, fields, reason: 'state_full', time, windowStart: none, lateByMs: none });
  }

  /** Adds the rows before `to` to their sessions. */
  #addTo(to: number): void {
    const { inputs } = this.#input!;
    for (let i = 0; i < inputs.length; i++) this.#aggregates[i]!.add(inputs[i]!, this.#slots, this.#added, to);
    this.#added = to;
  }

  /** The session of a row: one that is there, made one of all that it joins, or a new one; -1: there is no room. */
  #placed(id: number, time: number, row: number): number {
    const { earlier, heads, last, start } = this.#state.sessions;
    const { gapMs } = this.#state;
    let into = NONE;
    for (let slot = heads[id]!; slot !== NONE; slot = earlier[slot]!) {
      if (last[slot]! + gapMs <= time) break;
      if (start[slot]! >= time + gapMs) continue;
      if (into === NONE) into = slot;
      else {
        // It closes the gap between two: sessions lie so far apart that there is no third.
        this.#addTo(row);
        this.#state.merge(slot, into);
        return slot;
      }
    }
    if (into !== NONE) return into;
    return this.#context.budget.hasRoom() ? this.#state.open(id, time) : NONE;
  }
}

function timeOf({ input, time: index }: Windowed) {
  const { name, nullable, type } = input.fields[index]!;
  return { kind: 'column', index, name, type, nullable } as const;
}
