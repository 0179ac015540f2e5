/**
 * Cursors of a thread that read one partition, and who of them waits for whom.
 *
 * A cursor that waits is told once the last of those has moved that stood where it asked for.
 */

/** Where a cursor stands: the offset that it reads next. */
export interface Standing {
  readonly position: number;
}

interface Wait {
  readonly from: number;
  readonly passed: Promise<void>;
  readonly tell: () => void;
}

/** See the head of the file. */
export class Companions {
  readonly #cursors = new Set<Standing>();
  /** By the offset before which nobody may stand: who goes together waits at the same. */
  readonly #waits = new Map<number, Wait>();

  get size(): number {
    return this.#cursors.size;
  }

  add(cursor: Standing): void {
    this.#cursors.add(cursor);
  }

  delete(cursor: Standing): void {
    this.#cursors.delete(cursor);
    this.moved();
  }

  /** A cursor stands somewhere else now. */
  moved(): void {
    for (const [to, { from, tell }] of this.#waits) {
      if (this.#isAnyBetween(from, to)) continue;
      this.#waits.delete(to);
      tell();
    }
  }

  /** Resolves once no cursor stands at `from` or behind it, and before `to`; null where none does. */
  passed(from: number, to: number): Promise<void> | null {
    if (!this.#isAnyBetween(from, to)) return null;
    let wait = this.#waits.get(to);
    if (wait === undefined) {
      let tell!: () => void;
      const passed = new Promise<void>((resolve) => (tell = resolve));
      this.#waits.set(to, (wait = { from, passed, tell }));
    }
    return wait.passed;
  }

  #isAnyBetween(from: number, to: number): boolean {
    for (const { position } of this.#cursors) if (position >= from && position < to) return true;
    return false;
  }
}
