/** What has been opened, to be closed in reverse: once, all of it, whatever fails on the way. */
export class Closers {
  #actions: (() => void | Promise<void>)[] = [];
  #closing: Promise<void> | null = null;

  /** Remembers how to close what was just opened. */
  add(action: () => void | Promise<void>): void {
    this.#actions.push(action);
  }

  /** Closes everything, the last opened first. Throws the first error after all are closed. */
  close(): Promise<void> {
    return (this.#closing ??= this.#run());
  }

  async #run(): Promise<void> {
    const errors: unknown[] = [];
    for (const action of this.#actions.reverse()) {
      try {
        await action();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}
