/** Tells the host where a function is: every so often, or, where it must be certain, before every event. */

/** Where a function is. */
export class Progress {
  readonly #everyMs: number;
  readonly #tell: (row: number, end: number) => void;
  #careful = false;
  #row = 0;
  #end = 0;
  #toldAt = -Infinity;

  /** `tell` is heard even if the process ends right after it. */
  constructor(everyMs: number, tell: (row: number, end: number) => void) {
    this.#everyMs = everyMs;
    this.#tell = tell;
  }

  /** A batch begins. */
  begin(careful: boolean): void {
    this.#careful = careful;
    this.#say(0, 0);
  }

  /** The rows from `row` to `end` are under way now. */
  at(row: number, end: number): void {
    this.#row = row + 1;
    this.#end = end;
    if (this.#careful || performance.now() - this.#toldAt >= this.#everyMs) this.#say(this.#row, end);
  }

  /** The event loop turns. */
  beat(): void {
    if (performance.now() - this.#toldAt >= this.#everyMs) this.#say(this.#row, this.#end);
  }

  /** A batch has ended. */
  end(): void {
    this.#say(0, 0);
  }

  #say(row: number, end: number): void {
    this.#row = row;
    this.#end = end;
    this.#toldAt = performance.now();
    this.#tell(row, end);
  }
}
