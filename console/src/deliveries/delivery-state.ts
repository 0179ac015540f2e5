import type { Delivery } from './shapes.js';

/** A delivery is catching up when what it read last is older than this, and more waits. */
const BEHIND_MS = 5_000;

/** A word on a delivery, and how it is shown. */
export interface ShownState {
  readonly text: string;
  readonly tone: 'good' | 'quiet' | 'busy' | 'warn';
  /** What to know beside the word. */
  readonly reason: string | null;
}

/** How a delivery is, the most telling first. */
export function stateOf({ paused, state, reason, breaker, lagMs }: Delivery): ShownState {
  if (paused) return { text: 'paused', tone: 'quiet', reason: 'The log keeps what comes; nothing is lost.' };
  if (state === 'stalled' || state === 'fenced') return { text: state, tone: 'warn', reason };
  if (breaker !== 'closed')
    return { text: 'sink away', tone: 'warn', reason: 'One request at a time tries it; the log keeps what comes.' };
  if (state !== 'running') return { text: state, tone: 'busy', reason };
  if (lagMs > BEHIND_MS) return { text: 'catching up', tone: 'busy', reason: null };
  return { text: 'running', tone: 'good', reason: null };
}
