/** The state of an aggregate over sessions: a key's sessions with a partial each. */
import type { Expression } from '../../../sql/plan.js';
import type { Row } from '../operator.js';
import { rowCodec } from '../rows.js';
import type { Key, StateCodec } from '../state-table.js';
import { readStates, statesBytes, writeStates } from './accumulators.js';
import type { Accumulator } from './accumulators.js';

/** Rows of a key between which there is no gap. */
export class Session {
  readonly group: SessionGroup;
  /** Times of its first and last row, ms. */
  start: number;
  last: number;
  readonly states: unknown[];
  /** What was passed on last. */
  passed: Row | null = null;
  /** Rows of sessions that became part of it, to be taken back. */
  readonly retracted: Row[] = [];
  isDirty = false;
  isMerged = false;
  isBroken = false;

  constructor(group: SessionGroup, time: number, states: unknown[]) {
    this.group = group;
    this.start = time;
    this.last = time;
    this.states = states;
  }
}

/** The sessions of one key. */
export class SessionGroup {
  readonly key: Key;
  keys: Row;
  /** By time, rising. */
  readonly sessions: Session[] = [];
  /** Whether its table knows of this round's change. */
  isTouched = false;

  constructor(key: Key, keys: Row) {
    this.key = key;
    this.keys = keys;
  }
}

/** Bytes of a group, and of a session, beside keys and states. */
const GROUP_BYTES = 280;
const SESSION_BYTES = 640;

/** How a group is written. */
export function sessionCodec(
  accumulators: readonly Accumulator[],
  parts: readonly Expression[],
): StateCodec<SessionGroup> {
  const keys = rowCodec(parts);
  return {
    write: (group, writer) => {
      writer.byte(typeof group.key === 'number' ? 1 : 0);
      if (typeof group.key === 'number') writer.double(group.key);
      else writer.text(group.key);
      keys.write(group.keys, writer);
      writer.unsigned(group.sessions.length);
      for (const { last, start, states } of group.sessions) {
        writer.double(start);
        writer.double(last);
        writeStates(accumulators, states, writer);
      }
    },
    read: (reader) => {
      const key = reader.byte() === 1 ? reader.double() : reader.text();
      const group = new SessionGroup(key, keys.read(reader));
      for (let left = reader.unsigned(); left > 0; left--) {
        const start = reader.double();
        const last = reader.double();
        const session = new Session(group, start, readStates(accumulators, reader));
        session.last = last;
        group.sessions.push(session);
      }
      return group;
    },
    bytes: (group) =>
      group.sessions.reduce(
        (sum, { states }) => sum + SESSION_BYTES + statesBytes(accumulators, states),
        GROUP_BYTES + keys.bytes(group.keys),
      ),
  };
}
