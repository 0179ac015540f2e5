import type { ByteReader, ByteWriter } from '../../../util/bytes.js';

/** A seeded generator whose state travels with what it is for: xoshiro128** (D. Blackman, S. Vigna, 2018). */
export class SeededRandom {
  readonly #state: Int32Array;

  constructor(state: Int32Array) {
    this.#state = state;
  }

  /** Spreads a seed over the state by the mix of splitmix32. */
  static of(seed: number): SeededRandom {
    let next = seed | 0;
    return new SeededRandom(
      Int32Array.from({ length: 4 }, () => {
        next = (next + 0x9e3779b9) | 0;
        let mixed = Math.imul(next ^ (next >>> 16), 0x21f0aaad);
        mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
        return mixed ^ (mixed >>> 15);
      }),
    );
  }

  /** A number between 0 and 1, neither included. */
  next(): number {
    const state = this.#state;
    const s1 = state[1]!;
    const product = Math.imul(s1, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    state[2]! ^= state[0]!;
    state[3]! ^= s1;
    state[1]! ^= state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= s1 << 9;
    state[3] = (state[3]! << 11) | (state[3]! >>> 21);
    return ((result >>> 0) + 0.5) / 4_294_967_296;
  }

  copy(): SeededRandom {
    return new SeededRandom(this.#state.slice());
  }

  write(writer: ByteWriter): void {
    writer.array(this.#state, this.#state.length);
  }

  static read(reader: ByteReader): SeededRandom {
    const state = new Int32Array(4);
    reader.array(state);
    return new SeededRandom(state);
  }
}
