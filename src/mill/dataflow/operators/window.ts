/**
 * TUMBLE, HOP and CUMULATE: each row once for each window that it is in, with the window's bounds behind it.
 *
 * A row whose stamp is beyond a window's end, the lag and the allowed lateness is late for that window. It
 * is reported once, for the first window that it missed. A NULL time belongs to no window.
 */
import type { Field, Relation, Windowed } from '../../../sql/relation/relation.js';
import { BlockDeltas, type Block, type Vector } from '../block.js';
import type { BuiltOperator, OperatorScope } from '../build.js';
import type { DataflowContext, Deltas, Row } from '../operator.js';
import { originOf } from '../relations.js';
import { windowGrid } from '../windows.js';
import type { FixedWindow, WindowGrid } from '../windows.js';
import { byBlock, Outgoing, passThrough } from './row-wise.js';

/** Reports rows that belong to no window. */
export interface WindowReport {
  readonly source: string;
  readonly fields: readonly Field[];
  nullTime(row: Row): void;
  late(row: Row, time: number, windowStart: number, lateByMs: number): void;
}

/** Reports rows of the relation that a window is over. */
export function windowReport(input: Relation, context: DataflowContext): WindowReport {
  const source = originOf(input, context.view);
  const { fields } = input;
  const none = Number.NaN;
  return {
    source,
    fields,
    nullTime: (row) =>
      context.late({ source, row, fields, reason: 'event_time_null', time: none, windowStart: none, lateByMs: none }),
    late: (row, time, windowStart, lateByMs) =>
      context.late({ source, row, fields, reason: 'late', time, windowStart, lateByMs }),
  };
}

/** How long behind its own time a row is taken, ms. */
export function graceOf({ late }: Windowed, { allowedLatenessMs, isBatch, lagMs }: DataflowContext): number {
  return late && !isBatch ? lagMs + allowedLatenessMs : Number.POSITIVE_INFINITY;
}

/** How long behind its window's end a row is taken, ms. */
export function endGraceOf({ late }: Windowed, { allowedLatenessMs, endLagMs, isBatch }: DataflowContext): number {
  return late && !isBatch ? endLagMs + allowedLatenessMs : Number.POSITIVE_INFINITY;
}

/** The operator of a window of fixed length. */
export function fixedWindowOperator(relation: Windowed, { context, output }: OperatorScope): BuiltOperator {
  const grid = windowGrid(relation.window as FixedWindow);
  const report = windowReport(relation.input, context);
  const graceMs = endGraceOf(relation, context);
  const out = new Outgoing();
  const assign = (row: Row, time: number, weight: number, stamp: number): void => {
    const pane = grid.paneOf(time);
    const last = grid.lastWindow(pane);
    let isReported = weight < 0;
    for (let window = grid.firstWindow(pane); window <= last; window++) {
      const end = grid.end(window);
      if (stamp <= end + graceMs) {
        out.rows.push([...row, grid.start(window), end]);
        out.weights.push(weight);
        out.stamps.push(stamp);
      } else if (!isReported) {
        report.late(row, time, grid.start(window), stamp - end - graceOf(relation, context));
        isReported = true;
      }
    }
  };
  const take = ({ rows, stamps, weights }: Deltas): void => {
    out.clear();
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      const weight = weights === null ? 1 : weights[i]!;
      const time = row[relation.time] as number | null;
      if (time !== null) assign(row, time, weight, typeof stamps === 'number' ? stamps : stamps[i]!);
      else if (weight > 0) report.nullTime(row);
    }
    if (out.rows.length > 0)
      output({ rows: out.rows, weights: weights === null ? null : out.weights, stamps: out.stamps });
  };
  const isTumbling = relation.window.kind === 'tumble';
  const takeBlock = (block: Block, deltas: Deltas): void => {
    const ends = isTumbling ? endsOf(block, relation.time, grid) : null;
    if (ends === null || !isInTime(ends, deltas.stamps, graceMs)) return take(deltas);
    const { count, distinct, vectors } = block;
    const sizeMs = grid.end(0) - grid.start(0);
    const bounds = [ends.map((end) => end - sizeMs), ends].map((values): Vector => ({
      kind: 'numbers',
      values,
      nulls: null,
    }));
    output(new BlockDeltas({ count, distinct, vectors: [...vectors, ...bounds] }, deltas.stamps));
  };
  return { operator: passThrough('window', byBlock(take, takeBlock)) };
}

/** The end of each row's window; null where a row has no time. */
function endsOf({ count, vectors }: Block, time: number, grid: WindowGrid): Float64Array | null {
  const times = vectors[time]!;
  if (times.kind !== 'numbers' || times.nulls !== null) return null;
  const ends = new Float64Array(count);
  for (let i = 0; i < count; i++) ends[i] = grid.end(grid.paneOf(times.values[i]!));
  return ends;
}

function isInTime(ends: Float64Array, stamps: Deltas['stamps'], graceMs: number): boolean {
  for (let i = 0; i < ends.length; i++)
    if (!((typeof stamps === 'number' ? stamps : stamps[i]!) <= ends[i]! + graceMs)) return false;
  return true;
}
