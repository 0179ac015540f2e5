/** What a function is told beside its event. */
import type { TransformContext } from './define.js';

/** What all events of a batch share. */
export interface ContextBase {
  readonly name: string;
  readonly stream: string;
  readonly partition: number;
  readonly receivedAt: number;
  readonly log: (message: string) => void;
}

/** The context of one event. */
export class EventContext implements TransformContext {
  readonly #base: ContextBase;
  readonly offset: number;

  constructor(base: ContextBase, offset: number) {
    this.#base = base;
    this.offset = offset;
  }

  get name(): string {
    return this.#base.name;
  }

  get stream(): string {
    return this.#base.stream;
  }

  get partition(): number {
    return this.#base.partition;
  }

  get receivedAt(): number {
    return this.#base.receivedAt;
  }

  now(): number {
    return Date.now();
  }

  log(message: string): void {
    this.#base.log(message);
  }
}

/** Most messages of one batch; the others are counted. */
const MESSAGES_MAX = 20;

/** Passes messages on, a few a batch. */
export function limitedLog(say: (message: string) => void): { log: (message: string) => void; end: () => void } {
  let count = 0;
  return {
    log(message) {
      count += 1;
      if (count <= MESSAGES_MAX) say(String(message).slice(0, 2_000));
    },
    end() {
      if (count > MESSAGES_MAX) say(`… and ${count - MESSAGES_MAX} more messages of one batch`);
    },
  };
}
