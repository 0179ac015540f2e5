/** What the page asks for. Shapes are those of `/v1/openapi.json`. */

/** A failed attempt. */
export interface DeliveryError {
  readonly atMs: number;
  readonly message: string;
  /** How many in a row said the same. */
  readonly times: number;
}

/** A delivery, as `GET /v1/deliveries` lists it. */
export interface Delivery {
  readonly name: string;
  readonly from: string;
  /** The sink's type. */
  readonly sink: string;
  /** Of its reader: `running`, `stalled` and others. */
  readonly state: string;
  /** Why it is stalled; null while it is not. */
  readonly reason: string | null;
  readonly paused: boolean;
  readonly breaker: 'closed' | 'open' | 'trying';
  readonly pendingRows: number;
  /** Age of the oldest row that waits; 0 when none does. */
  readonly oldestMs: number;
  /** Age of what it read last while more waits to be read; 0 otherwise. */
  readonly lagMs: number;
  readonly totals: Readonly<Record<string, number>>;
  readonly retries: number;
  /** Over the last minute. */
  readonly rowsPerSecond: number;
  /** The newest last. */
  readonly errors: readonly DeliveryError[];
}

/** The account of an edge, as `GET /v1/audit` answers it. */
export interface EdgeAccount {
  readonly edge: string;
  readonly stream: string;
  readonly read: number;
  readonly ok: number;
  /** Rows by reason. */
  readonly filtered: Readonly<Record<string, number>>;
  readonly quarantined: Readonly<Record<string, number>>;
  readonly dropped: Readonly<Record<string, number>>;
  readonly pending: number | null;
  readonly difference: number;
  /** Where it does not close. */
  readonly open: readonly { readonly tenant: string; readonly minute: string; readonly rows: number }[];
}

/** Open rows of one cause, as `GET /v1/quarantine/stats` answers them. */
export interface Cause {
  readonly stage: string;
  readonly reader: string | null;
  readonly stream: string;
  readonly code: string;
  readonly rows: number;
  readonly tenants: number;
  readonly newest: string;
}

/** Where it failed, in words: `delivery archive`. */
export function placeOf({ stage, reader }: Cause): string {
  if (stage === 'collect') return 'the front door';
  return `${stage === 'deliver' ? 'delivery' : stage} ${reader ?? ''}`.trim();
}

/** An open row of the quarantine. */
export interface QuarantinedRow {
  readonly offset: number;
  readonly at: string;
  readonly tenant: string;
  readonly code: string;
  readonly message: string;
  readonly attempts: number;
  readonly eventId: string | null;
  readonly originalLength: number;
  /** Base 64; null where it was too long to be kept, left out in lists. */
  readonly original?: string | null;
}

/** What a redrive or a drop did. */
export interface Resolution {
  readonly resolved: number;
  readonly refused: readonly { readonly offset: number; readonly message: string }[];
  readonly refusedCount: number;
}

/** A replay, as `GET /v1/replays` lists it. */
export interface Replay {
  readonly id: string;
  readonly delivery: string;
  readonly stream: string;
  readonly tenant: string | null;
  readonly fromMs: number;
  readonly toMs: number;
  readonly rowsPerSecond: number | null;
  readonly state: 'running' | 'done' | 'cancelled';
  readonly endedMs: number | null;
  readonly rowsDone: number;
  readonly rowsTotal: number;
  /** The total may grow. */
  readonly feeding: boolean;
  readonly delivered: number;
  readonly quarantined: number;
  readonly etaMs: number | null;
  readonly reason: string | null;
}
