/**
 * Slots by the moment at which they are due, in buckets of time: adding one is cheap, and so is passing over many.
 *
 * A slot is in here once at most. What is taken out may be due later than its bucket begins: the owner adds it again.
 */
import { ExpiryQueue } from '../../expiry-queue.js';
import { larger } from '../../../../util/typed-arrays.js';

const NONE = -1;

/** See the head of the file. */
export class DueSlots {
  readonly #widthMs: number;
  readonly #queue = new ExpiryQueue();
  /** The first slot of each bucket. */
  readonly #heads = new Map<number, number>();
  #next = new Int32Array(0);
  #isIn = new Uint8Array(0);

  /** `widthMs`: the length of a bucket. */
  constructor(widthMs: number) {
    this.#widthMs = widthMs;
  }

  /** Makes room for slots below `capacity`. */
  resize(capacity: number): void {
    this.#next = larger(this.#next, new Int32Array(capacity));
    this.#isIn = larger(this.#isIn, new Uint8Array(capacity));
  }

  has(slot: number): boolean {
    return this.#isIn[slot] === 1;
  }

  /** Adds a slot that is due once the clock is beyond `moment`, ms. */
  add(slot: number, moment: number): void {
    const bucket = Math.floor(moment / this.#widthMs);
    const head = this.#heads.get(bucket);
    if (head === undefined) this.#queue.add(bucket * this.#widthMs, bucket);
    this.#next[slot] = head ?? NONE;
    this.#heads.set(bucket, slot);
    this.#isIn[slot] = 1;
  }

  /** The earliest of the moments of the first slots that are due, ms; undefined where there are none. */
  next(momentOf: (slot: number) => number): number | undefined {
    const begin = this.#queue.next;
    if (begin === undefined) return undefined;
    let next = Number.POSITIVE_INFINITY;
    for (let slot = this.#heads.get(Math.round(begin / this.#widthMs)) ?? NONE; slot !== NONE; slot = this.#next[slot]!)
      next = Math.min(next, momentOf(slot));
    return next;
  }

  /** Takes the slots of the buckets that have begun before `now`, ms. */
  due(now: number): number[] {
    const slots: number[] = [];
    for (let bucket = this.#queue.due(now); bucket !== undefined; bucket = this.#queue.due(now)) {
      for (let slot = this.#heads.get(bucket as number)!; slot !== NONE; slot = this.#next[slot]!) {
        this.#isIn[slot] = 0;
        slots.push(slot);
      }
      this.#heads.delete(bucket as number);
    }
    return slots;
  }
}
