import { randomFillSync } from 'node:crypto';

/** Randomness, given by argument so that tests can seed it. */
export interface Random {
  /** Fills `target` with random bytes and returns it. */
  fill<T extends Uint8Array>(target: T): T;
}

/** The operating system's randomness. */
export const systemRandom: Random = { fill: (target) => randomFillSync(target) };
