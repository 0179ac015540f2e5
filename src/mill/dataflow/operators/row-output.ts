/** What an operator passes on, gathered into batches. */
import type { Output, Row } from '../operator.js';

/** Rows that are passed on at once. */
const ROWS_MAX = 4096;

/** Gathers rows for an output. `send` must be called before an operator returns. */
export class RowOutput {
  readonly #target: Output;
  readonly #rows: Row[] = [];
  readonly #weights: number[] = [];
  readonly #stamps: number[] = [];
  #hasRetractions = false;

  constructor(output: Output) {
    this.#target = output;
  }

  /** Adds a row (weight +1) or takes it back (-1); `stamp` in ms. */
  emit(row: Row, weight: number, stamp: number): void {
    if (weight < 0) this.#hasRetractions = true;
    this.#weights.push(weight);
    this.#stamps.push(stamp);
    if (this.#rows.push(row) >= ROWS_MAX) this.send();
  }

  /** Passes on what was gathered. */
  send(): void {
    if (this.#rows.length === 0) return;
    this.#target({
      rows: this.#rows,
      weights: this.#hasRetractions ? this.#weights : null,
      stamps: this.#stamps,
    });
    this.#rows.length = 0;
    this.#weights.length = 0;
    this.#stamps.length = 0;
    this.#hasRetractions = false;
  }
}
