/**
 * The closing of accounts: received = delivered + dropped(reason) + quarantined + pending, a stream.
 *
 * No term is computed from another. `received` is what the batch headers of the log and of the
 * quarantine said when the process started, plus what the front door has counted since. `delivered`
 * is the sum of the rows that the lake's files say they hold; a stream without a lake is delivered
 * by being in the log. `pending` comes from offsets. Duplicates and drops are counted by the front
 * door since the process started, so they begin at 0 again with it, on both sides.
 *
 * Everything is read in one turn of the event loop, so an append is in all terms or in none.
 */
import type { LakeCatalog } from '../lake/catalog.js';
import type { Log } from '../log/log.js';

/** What the front door has counted since the process started. */
export interface DoorAccount {
  readonly received: number;
  readonly duplicates: number;
  readonly quarantined: number;
  readonly dropped: Readonly<Partial<Record<string, number>>>;
}

/** The account of one stream. */
export interface AuditAccount {
  readonly stream: string;
  readonly received: number;
  readonly delivered: number;
  readonly quarantined: number;
  readonly pending: number;
  readonly duplicates: number;
  /** Counts by reason. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** What an audit looks at. */
export interface AuditInput {
  readonly log: Log;
  readonly lake: LakeCatalog;
  /** Streams with a front door, and whether they go to the lake. */
  readonly streams: readonly { readonly name: string; readonly lake: boolean }[];
  /** Rows in the quarantine by stream, at start. */
  readonly quarantinedAtStart: ReadonlyMap<string, number>;
  readonly door: (stream: string) => DoorAccount;
}

/** Answers the accounts of all streams. */
export interface Audit {
  accounts(): readonly AuditAccount[];
}

/** Begins the accounts: takes down where every stream stands now, before the door opens. */
export function openAudit(input: AuditInput): Audit {
  const atStart = new Map(input.streams.map(({ name }) => [name, rowsOf(input.log, name)]));
  return {
    accounts: () =>
      input.streams.map(({ name, lake }) => {
        const door = input.door(name);
        const before = input.quarantinedAtStart.get(name) ?? 0;
        const files = lake ? fromFiles(input, name) : { delivered: rowsOf(input.log, name), pending: 0 };
        return {
          stream: name,
          received: atStart.get(name)! + before + door.received,
          ...files,
          quarantined: before + door.quarantined,
          duplicates: door.duplicates,
          dropped: Object.fromEntries(Object.entries(door.dropped).map(([reason, rows]) => [reason, rows ?? 0])),
        };
      }),
  };
}

function fromFiles({ log, lake }: AuditInput, stream: string): { delivered: number; pending: number } {
  const snapshot = lake.snapshot(stream);
  const delivered = (snapshot?.files ?? []).reduce((sum, file) => sum + file.rows, 0);
  const { partitions } = log.stream(stream)!;
  let pending = 0;
  for (let partition = 0; partition < partitions; partition++)
    pending += log.range(stream, partition).end - (snapshot?.committed[partition] ?? 0);
  return { delivered, pending };
}

/** Rows that a stream ever had: its offsets have no gaps. */
function rowsOf(log: Log, stream: string): number {
  const { partitions } = log.stream(stream)!;
  let rows = 0;
  for (let partition = 0; partition < partitions; partition++) rows += log.range(stream, partition).end;
  return rows;
}
