/** Ids of events that a function made of one event: a resend must be told from a sibling. */
import { createHash } from 'node:crypto';

/**
 * `event` as the `number`th of one event, whose first is `first`: where both have the same id, it gets
 * one made of that id and its number. `name`: the column of the id, or null.
 */
export function siblingOf(first: unknown, event: unknown, number: number, name: string | null): unknown {
  if (name === null || !isObject(first) || !isObject(event) || first[name] !== event[name]) return event;
  return { ...event, [name]: derivedId(String(first[name]), number) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function derivedId(id: string, number: number): string {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) return `${id}.${number}`;
  const digest = createHash('sha256').update(`${id.toLowerCase()}.${number}`).digest();
  digest[6] = (digest[6]! & 0x0f) | 0x80;
  digest[8] = (digest[8]! & 0x3f) | 0x80;
  const hex = digest.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
