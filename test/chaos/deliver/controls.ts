/** Guards that are taken away, each by itself: the harness must then fail. */

/** One guard. */
export interface Control {
  readonly name: string;
  /** A module loaded into every thread of the server before the program. */
  readonly preload?: string;
  /** The faults against which the guard is there. */
  readonly faults: readonly string[];
  /** What the network makes of the bytes for the search index. */
  readonly change?: (bytes: Buffer) => Buffer;
}

/** `"_id":"..."` of an action line, with the comma before or behind it. */
const ID = /"_id":"(?:[^"\\]|\\.)*",?/g;

/** Every guard that has one. */
export const CONTROLS: readonly Control[] = [
  { name: 'no range before the upload', preload: 'test/chaos/deliver/no-plan.mjs', faults: ['kill -9 of Millrace'] },
  { name: 'no id in _id', change: withoutIds, faults: ['kill -9 of Millrace', 'answers lost'] },
  { name: 'no upsert', preload: 'test/chaos/deliver/no-upsert.mjs', faults: ['kill -9 of Millrace', 'answers lost'] },
];

/** The same number of bytes, so that the length of the body still holds: the id becomes white space. */
function withoutIds(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  if (!text.includes('"_id":"')) return bytes;
  return Buffer.from(text.replaceAll(ID, (id) => ' '.repeat(id.length)).replaceAll(/,( +\})/g, ' $1'), 'latin1');
}
