/**
 * Cursors: a consumer's place in a feed. Opaque to the consumer and signed, so the server needs to
 * remember nothing and can believe what it is given back.
 *
 *     base64url(JSON) . id of the secret . base64url(HMAC)
 *
 * The JSON is an array: kind, tenant, view, epoch, filter, shards; then what the kind needs. `shards` has
 * for each partition that holds the tenant's rows the revision up to which the consumer has them. A
 * cursor is good for one tenant, view, epoch and filter only.
 */
import type { SigningKeys } from '../../collect/tracking/signing-keys.js';
import { MillraceError } from '../../util/errors.js';
import type { KeyPlace } from './by-key.js';

/** What a cursor goes on with. */
export type CursorKind = 'changes' | 'snapshot' | 'replay';

/** A place in a feed. */
export interface Cursor {
  readonly kind: CursorKind;
  readonly tenant: string;
  readonly view: string;
  readonly epoch: string;
  /** Window starts that are asked for, ms; null: no bound. */
  readonly from: number | null;
  readonly to: number | null;
  /** Revision by partition; of a snapshot and a replay, the one at which it began. */
  readonly shards: readonly (readonly [partition: number, revision: number])[];
  /** Of a snapshot and a replay: the last row given. */
  readonly after: KeyPlace | null;
}

type Packed = [
  CursorKind,
  string,
  string,
  string,
  number | null,
  number | null,
  [number, number][],
  ([number, string] | null)?,
];

/** Longest cursor that is looked at. */
const LENGTH_MAX = 2_048;

/** A cursor as text. */
export function writeCursor(keys: SigningKeys, cursor: Cursor): string {
  const { kind, tenant, view, epoch, from, to, shards, after } = cursor;
  const packed: Packed = [kind, tenant, view, epoch, from, to, shards.map(([p, r]) => [p, r])];
  if (after !== null) packed.push([after.windowMs, after.hash]);
  const text = Buffer.from(JSON.stringify(packed)).toString('base64url');
  return `${text}.${keys.current}.${keys.sign('cursor', [text]).toString('base64url')}`;
}

/** A text as a cursor. Throws CURSOR_INVALID when this server did not write it. */
export function readCursor(keys: SigningKeys, text: string): Cursor {
  const [packed = '', id = '', signature = '', ...rest] = text.length > LENGTH_MAX ? [] : text.split('.');
  if (rest.length > 0 || !keys.verify('cursor', id, [packed], Buffer.from(signature, 'base64url')))
    throw cursorInvalid('is none of this server; take `next_cursor` as it came, or begin without one');
  const [kind, tenant, view, epoch, from, to, shards, after] = JSON.parse(
    Buffer.from(packed, 'base64url').toString(),
  ) as Packed;
  return {
    kind,
    tenant,
    view,
    epoch,
    from,
    to,
    shards,
    after: after === undefined || after === null ? null : { windowMs: after[0], hash: after[1] },
  };
}

/** The revision that a cursor has for a partition; 0 when it has none. */
export function revisionIn(cursor: Cursor, partition: number): number {
  return cursor.shards.find(([shard]) => shard === partition)?.[1] ?? 0;
}

/** A cursor that can't be used here. */
export function cursorInvalid(why: string): MillraceError {
  return new MillraceError('CURSOR_INVALID', `the cursor ${why}`, { place: 'query cursor' });
}
