/**
 * Many may look or one may change: a lock between turns of the event loop. Who wants to change goes
 * before those who come to look later, so changes never starve.
 */
export class Gate {
  #looking = 0;
  #changing = false;
  readonly #waiting: { readonly change: boolean; readonly enter: () => void }[] = [];

  /** Waits until nothing changes; answers the release, which may be called twice. */
  async look(): Promise<() => void> {
    if (this.#changing || this.#waiting.length > 0) await new Promise<void>((enter) => this.#waiting.push({ change: false, enter }));
    else this.#looking += 1;
    return this.#release(() => (this.#looking -= 1));
  }

  /** Whether `change` would enter at once. */
  get free(): boolean {
    return this.#looking === 0 && !this.#changing && this.#waiting.length === 0;
  }

  /** Waits until nobody looks; answers the release. */
  async change(): Promise<() => void> {
    if (this.free) this.#changing = true;
    else await new Promise<void>((enter) => this.#waiting.push({ change: true, enter }));
    return this.#release(() => (this.#changing = false));
  }

  #release(leave: () => void): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      leave();
      this.#admit();
    };
  }

  #admit(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#changing || (next.change && this.#looking > 0)) return;
      this.#waiting.shift();
      if (next.change) this.#changing = true;
      else this.#looking += 1;
      next.enter();
    }
  }
}
