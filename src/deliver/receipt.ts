/**
 * What became of the rows of one request, as the sink says.
 *
 * A row starts as unknown. The sink marks it once: taken, refused (with a reason; it goes to the
 * quarantine), or to be sent again (the other end took others but had no room for this one).
 */
import type { ErrorCode } from '../util/errors.js';

/** What a row is. */
export const ROW = { unknown: 0, taken: 1, refused: 2, again: 3 } as const;

/** Why a row was refused. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

/** The marks of one request. */
export class Receipt {
  readonly rows: number;
  /** One of `ROW` a row. */
  readonly marks: Uint8Array;
  readonly refusals = new Map<number, Refusal>();
  /** Bytes that went over, as they went over. */
  bytes = 0;
  /** Objects, documents or messages that were made, where that is not the rows. */
  objects = 0;
  /** Why rows are to be sent again, as the first of them says; null where none does. */
  whyAgain: string | null = null;

  constructor(rows: number) {
    this.rows = rows;
    this.marks = new Uint8Array(rows);
  }

  /** The other end has this row. */
  take(row: number): void {
    this.marks[row] = ROW.taken;
  }

  /** The other end has these rows: `from` up to but not including `to`. */
  takeAll(from = 0, to = this.rows): void {
    this.marks.fill(ROW.taken, from, to);
  }

  /** The other end will never take this row. */
  refuse(row: number, code: ErrorCode, message: string): void {
    this.marks[row] = ROW.refused;
    this.refusals.set(row, { code, message });
  }

  /** The other end had no room for this row now. */
  again(row: number, why?: string): void {
    this.marks[row] = ROW.again;
    this.whyAgain ??= why ?? null;
  }

  /** Rows with a mark, rising. */
  marked(mark: number): Uint32Array {
    const found: number[] = [];
    for (let row = 0; row < this.rows; row++) if (this.marks[row] === mark) found.push(row);
    return Uint32Array.from(found);
  }

  /** How many rows have a mark. */
  count(mark: number): number {
    let count = 0;
    for (const one of this.marks) if (one === mark) count++;
    return count;
  }
}
