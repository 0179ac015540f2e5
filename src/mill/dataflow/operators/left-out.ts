/** Rows that take no part in an operator's result. */
import type { Field, Relation } from '../../../sql/relation/relation.js';
import type { DataflowContext, Row } from '../operator.js';
import { originOf } from '../relations.js';

/** Sends rows of one relation to the late stream. */
export class LeftOut {
  readonly #context: DataflowContext;
  readonly #source: string;
  readonly #fields: readonly Field[];

  /** `relation`: whose rows; null: pairs made by the operator itself, of these fields. */
  constructor(context: DataflowContext, relation: Relation | null, fields: readonly Field[]) {
    this.#context = context;
    this.#source = relation === null ? context.view : originOf(relation, context.view);
    this.#fields = fields;
  }

  /** A row that can't be evaluated, or that there is no room for. */
  report(row: Row, reason: string): void {
    this.#send(row, reason, Number.NaN, Number.NaN);
  }

  /** A row of that time, ms, that was let go of. */
  shed(row: Row, time: number): void {
    this.#send(row, 'state_shed', time, Number.NaN);
  }

  /** A row whose time, ms, is `lateByMs` before what is kept. */
  late(row: Row, time: number, lateByMs: number): void {
    this.#send(row, 'late', time, lateByMs);
  }

  #send(row: Row, reason: string, time: number, lateByMs: number): void {
    this.#context.late({
      source: this.#source,
      fields: this.#fields,
      row,
      reason,
      time,
      windowStart: Number.NaN,
      lateByMs,
    });
  }
}
