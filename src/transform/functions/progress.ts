/**
 * Tells the host where a function is: every so often, or, where it must be certain, before every event.
 *
 * Looking at the clock is a part of what a fast function costs, so it is looked at every `STRIDE`
 * events as long as they take less than `FAST_MS` each.
 */

const STRIDE = 16;
const FAST_MS = 0.1;

/** Where a function is. */
export class Progress {
  readonly #everyMs: number;
  readonly #tell: (row: number, end: number) => void;
  #careful = false;
  #row = 0;
  #end = 0;
  #toldAt = -Infinity;
  #lookedAt = 0;
  #stride = 1;
  #left = 1;

  /** `tell` is heard even if the process ends right after it. */
  constructor(everyMs: number, tell: (row: number, end: number) => void) {
    this.#everyMs = everyMs;
    this.#tell = tell;
  }

  /** A batch begins. */
  begin(careful: boolean): void {
    this.#careful = careful;
    this.#stride = this.#left = 1;
    if (careful) this.#say(0, 0);
  }

  /** The rows from `row` to `end` are under way now. */
  at(row: number, end: number): void {
    this.#row = row + 1;
    this.#end = end;
    if (this.#careful) this.#say(this.#row, end);
    else if (--this.#left === 0) this.#look();
  }

  #look(): void {
    const now = performance.now();
    this.#stride = (now - this.#lookedAt) / this.#stride < FAST_MS ? STRIDE : 1;
    this.#left = this.#stride;
    this.#lookedAt = now;
    if (now - this.#toldAt >= this.#everyMs) this.#say(this.#row, this.#end);
  }

  /** The event loop turns. */
  beat(): void {
    if (performance.now() - this.#toldAt >= this.#everyMs) this.#say(this.#row, this.#end);
  }

  /** A batch has ended. */
  end(): void {
    if (this.#careful) this.#say(0, 0);
    this.#row = 0;
  }

  #say(row: number, end: number): void {
    this.#row = row;
    this.#end = end;
    this.#toldAt = performance.now();
    this.#tell(row, end);
  }
}
