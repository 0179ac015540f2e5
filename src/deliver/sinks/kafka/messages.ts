/**
 * Rows as messages: the value is the row's JSON without a line break, the key a column, the timestamp the
 * time when the log took the row (the same at every attempt, and no client can put it into the future).
 *
 * A key's partition is the one that Java's clients choose, so a topic may have other producers. Rows
 * without a key are in one partition a request, chosen by the request's id.
 */
import type { Schema } from '../../../event/schema.js';
import { MillraceError } from '../../../util/errors.js';
import { eachEncoded, jsonLines } from '../../encoded.js';
import type { SinkRequest } from '../../sink.js';
import { kafka } from './package.js';

/** One message, as the client takes it. */
export interface RowMessage {
  /** The row's number in its request. */
  readonly row: number;
  readonly topic: string;
  readonly partition: number;
  readonly key?: Buffer;
  readonly value: Buffer;
  readonly headers: Map<Buffer, Buffer>;
  readonly timestamp: bigint;
}

/** Bytes of a message beside its value: key, headers and their lengths. */
export const MESSAGE_BYTES = 128;

const EVENT_ID = Buffer.from('millrace-event-id');
const REPLAY = Buffer.from('millrace-replay');

/** Types whose values are keys: one value, one text. */
const KEY_TYPES = new Set(['uuid', 'string', 'dictionary', 'int64']);

/** The position of the key's column; -1: messages have no key. Throws CONFIG_INVALID where `key` names none. */
export function keyColumn(key: string | undefined, { columns, roles }: Schema, delivery: string): number {
  if (key === undefined) return roles.tenant >= 0 ? roles.tenant : roles.eventId;
  const found = columns.findIndex(({ name, type }) => name === key && KEY_TYPES.has(type));
  if (found >= 0) return found;
  const place = `deliveries.${delivery}.to.key`;
  throw new MillraceError(
    'CONFIG_INVALID',
    `${place}: expected a column of type ${[...KEY_TYPES].join(', ')}, found '${key}'`,
    { place },
  );
}

/** The partition of a key, as Java's clients choose it. */
export function partitionOf(key: Buffer, partitions: number): number {
  return kafka().compatibilityPartitioner({ topic: '', value: key }, key) % partitions;
}

/** The messages of a request for a topic of so many partitions, in the order of the rows. */
export function messagesOf(
  { id, rows, cut }: SinkRequest,
  topic: string,
  column: number,
  partitions: number,
): RowMessage[] {
  const withoutKey = partitionOf(Buffer.from(id), partitions);
  const keys = new Map<string, { readonly key: Buffer; readonly partition: number }>();
  const messages: RowMessage[] = [];
  eachEncoded(jsonLines(rows.schema), rows, (data, start, end, row) => {
    const text = column < 0 ? null : rows.value(row, column);
    let known = keys.get(String(text));
    if (text !== null && known === undefined) {
      const key = Buffer.from(String(text));
      keys.set(String(text), (known = { key, partition: partitionOf(key, partitions) }));
    }
    const eventId = rows.eventId(row);
    const headers = new Map<Buffer, Buffer>();
    if (eventId !== null) headers.set(EVENT_ID, Buffer.from(eventId));
    if (cut.replay !== null) headers.set(REPLAY, Buffer.from(cut.replay));
    messages.push({
      row,
      topic,
      partition: withoutKey,
      ...(text === null ? {} : known),
      // Without the line break.
      value: Buffer.from(data.buffer, data.byteOffset + start, end - start - 1),
      headers,
      timestamp: BigInt(Number(rows.value(row, rows.schema.roles.receivedAt))),
    });
  });
  return messages;
}
