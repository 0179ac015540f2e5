/** One entry of a state table; see `state-table.ts`. */
import type { Key } from './state-table.js';

/** An entry, and what the table knows of it. */
export interface Entry<State> {
  readonly key: Key;
  state: State;
  bytes: number;
  isGone: boolean;
  /** Whether it is among the changed. */
  isChanged: boolean;
  /** Whether it waits to be encoded as it is. */
  isFrozen: boolean;
  /** Whether a snapshot has its key. */
  isSaved: boolean;
  /** Whether the shelf has it as it is. */
  isShelved: boolean;
  /** Whether it was asked for since `evict` came by. */
  isUsed: boolean;
}

/** What is known of an entry that nothing has been done with. */
export const FRESH = {
  isGone: false,
  isChanged: false,
  isFrozen: false,
  isSaved: false,
  isShelved: false,
  isUsed: true,
};
