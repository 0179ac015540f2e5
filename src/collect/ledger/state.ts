/** What the ledger commits with its positions: where its rows are, and what it may have missed. */

/** A span of time, ms. */
export interface UncountedSpan {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The ledger's state, as JSON with a version. */
export interface LedgerState {
  readonly sinceMs: number;
  readonly flushedMs: number;
  /** The process ended by itself after this commit. */
  readonly clean: boolean;
  /** Rows of the totals stream that hold the newest totals. */
  readonly totals: { readonly from: number; readonly to: number };
  /** Rows of the accounts stream from here on are not in the totals. */
  readonly deltasFrom: number;
  /** The last `GAPS_MAX` spans between the last commit of a killed process and the next start. */
  readonly gaps: readonly UncountedSpan[];
  /** One past the last row cut, by reader, stream and partition. */
  readonly cutTo: Readonly<Record<string, number>>;
}

const VERSION = 1;
const GAPS_MAX = 100;
/** Keeps the state far below the log's 64 KiB. */
const CUTS_MAX = 500;

/** A state as the log keeps it. */
export function stateBytes(state: LedgerState): Uint8Array {
  const cutTo = Object.fromEntries(Object.entries(state.cutTo).slice(-CUTS_MAX));
  const gaps = state.gaps.slice(-GAPS_MAX);
  return new TextEncoder().encode(JSON.stringify({ version: VERSION, ...state, cutTo, gaps }));
}

/** The state of `bytes`, or that of a folder without accounts. */
export function readState(bytes: Uint8Array | undefined, nowMs: number): LedgerState {
  if (bytes !== undefined && bytes.length > 0) {
    const { version, ...state } = JSON.parse(new TextDecoder().decode(bytes)) as LedgerState & { version: number };
    if (version === VERSION) return state;
  }
  return {
    sinceMs: nowMs,
    flushedMs: nowMs,
    clean: true,
    totals: { from: 0, to: 0 },
    deltasFrom: 0,
    gaps: [],
    cutTo: {},
  };
}
