/**
 * What a consumer must have at each revision: the changes stream folded in plain code, row by row.
 *
 * It also keeps what the stream itself promises: a revision says something new, and a closed row does not
 * open again.
 */
import { rowName } from './events.js';

/** One revision of a key. */
export interface Revision {
  readonly rev: number;
  readonly name: string;
  readonly windowEnd: number;
  readonly isDelete: boolean;
  readonly state: string;
  /** Everything that the consumer's row must say. */
  readonly text: string;
  readonly n: number;
  /** Millionths. */
  readonly amount: bigint;
  readonly users: number;
}

/** A decimal text in millionths. */
export function millionths(text: string): bigint {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  const size = BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0').slice(0, 6));
  return text.startsWith('-') ? -size : size;
}

/** A row as one text, in the server's stream and in a consumer's table. */
export function rowText(row: {
  readonly n: unknown;
  readonly amount: unknown;
  readonly users: unknown;
  readonly rev: unknown;
  readonly txn: unknown;
  readonly state: unknown;
  readonly reason: unknown;
}): string {
  const { n, amount, users, rev, txn, state, reason } = row;
  return `n=${String(n)} amount=${millionths(String(amount))} users=${String(users)} rev=${String(rev)} txn=${String(txn)} ${String(state)} ${String(reason)}`;
}

/** A row of the changes stream. */
export type ChangeRow = Readonly<Record<string, unknown>> & { readonly partition: number; readonly offset: number };

/** The history of one tenant's rows. */
export class Fold {
  readonly #revisions: Revision[] = [];
  readonly #newest = new Map<string, Revision>();

  /** How much of the stream was taken in, by partition. */
  readonly offsets: number[] = [];

  /** Takes in what is new: rows of a partition in order. */
  take(tenant: string, rows: readonly ChangeRow[]): void {
    for (const row of rows) {
      this.offsets[row.partition] = row.offset + 1;
      if (row['tenant'] !== tenant) continue;
      const next = revisionOf(row);
      checkHistory(this.#newest.get(next.name), next);
      this.#newest.set(next.name, next);
      this.#revisions.push(next);
    }
  }

  /** The newest revision. */
  get newest(): number {
    return this.#revisions.at(-1)?.rev ?? 0;
  }

  /** Revisions so far, and those after one. */
  since(rev: number): Revision[] {
    return this.#revisions.filter((one) => one.rev > rev);
  }

  /** The newest of each key up to a revision, tombstones included. */
  at(rev: number): Map<string, Revision> {
    const rows = new Map<string, Revision>();
    for (const one of this.#revisions) if (one.rev <= rev) rows.set(one.name, one);
    return rows;
  }

  /** Whether a key was deleted at a revision. */
  isTombstone(name: string, rev: number): boolean {
    return this.#revisions.some((one) => one.name === name && one.rev === rev && one.isDelete);
  }
}

function revisionOf(row: ChangeRow): Revision {
  const rev = row.offset + 1;
  const { n, amount, users, txn, state, reason } = row;
  const isDelete = row['op'] === 'delete';
  return {
    rev,
    name: rowName(Number(row['window_start']), String(row['campaign'])),
    windowEnd: Number(row['window_end']),
    isDelete,
    state: String(state),
    text: isDelete ? 'deleted' : rowText({ n, amount, users, rev, txn, state, reason: reason ?? null }),
    n: Number(n),
    amount: isDelete ? 0n : millionths(String(amount)),
    users: Number(users),
  };
}

function checkHistory(last: Revision | undefined, next: Revision): void {
  if (last === undefined) {
    if (next.isDelete) throw new Error(`revision ${next.rev} deletes ${next.name}, which never was`);
    return;
  }
  const said = ({ isDelete, n, amount, users, state }: Revision): string =>
    isDelete ? `deleted ${state}` : `${n} ${amount} ${users} ${state}`;
  if (said(last) === said(next)) throw new Error(`revision ${next.rev} of ${next.name} changes nothing`);
  if (last.state !== 'open' && next.state === 'open')
    throw new Error(`revision ${next.rev} of ${next.name} opens a ${last.state} row again`);
}
