/** What a delivery commits with its positions: cuts under way, totals, whether it is paused. */
import type { PlannedCut } from './cut.js';

/** What a delivery did since it was made. `read` counts rows below the committed positions. */
export interface DeliveryTotals {
  readonly read: number;
  readonly ok: number;
  readonly filtered: number;
  readonly quarantined: number;
  readonly dropped: number;
  /** Rows that the sink was given and did not speak of; never other than 0 while sinks keep their word. */
  readonly missing: number;
  readonly bytes: number;
  readonly objects: number;
  readonly cuts: number;
}

/** Nothing yet. */
export const NO_TOTALS: DeliveryTotals = {
  read: 0,
  ok: 0,
  filtered: 0,
  quarantined: 0,
  dropped: 0,
  missing: 0,
  bytes: 0,
  objects: 0,
  cuts: 0,
};

/** The state of a delivery. */
export interface DeliveryState {
  /** Cuts that are fixed and not delivered, the oldest first. */
  readonly planned: readonly PlannedCut[];
  readonly totals: DeliveryTotals;
  readonly paused: boolean;
}

const VERSION = 1;

/** The state as the log keeps it: JSON with a version. */
export function stateBytes(state: DeliveryState): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version: VERSION, ...state }));
}

/** The state of `bytes`; that of a new delivery when there is none. */
export function readState(bytes: Uint8Array | undefined): DeliveryState {
  if (bytes === undefined || bytes.length === 0) return { planned: [], totals: NO_TOTALS, paused: false };
  const { planned, totals, paused } = JSON.parse(new TextDecoder().decode(bytes)) as DeliveryState;
  return { planned, totals: { ...NO_TOTALS, ...totals }, paused };
}
