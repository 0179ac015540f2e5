import { createHash } from 'node:crypto';
import type { StandingPlan } from '../sql/standing.js';

/** Rises when the columns of changes streams do, so that every view begins a new one. */
const CHANGES_FORMAT = 3;

/** Identifies what a view computes: the same for texts that differ in spaces and comments alone. */
export function planHash(plan: StandingPlan): string {
  // How long rows are kept, and what they do, changes none of them.
  const {
    text: _text,
    retentionMs: _kept,
    dropsLate: _dropsLate,
    guard: _guard,
    alert: _alert,
    notices: _notices,
    ...meaning
  } = {
    notices: [],
    ...plan,
  };
  return createHash('sha256')
    .update(JSON.stringify({ changes: CHANGES_FORMAT, ...meaning }, spellOut))
    .digest('hex')
    .slice(0, 16);
}

function spellOut(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value;
}
