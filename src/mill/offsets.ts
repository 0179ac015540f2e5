/** Positions of a reader as offsets by partition. */
import type { Position } from '../log/log.js';

/** Names a partition. */
export function place(position: { readonly stream: string; readonly partition: number }): string {
  return `${position.stream}/${position.partition}`;
}

/** Offsets by partition. */
export function offsetsOf(positions: readonly Position[]): Map<string, number> {
  return new Map(positions.map((position) => [place(position), position.offset]));
}

/** Whether no offset of `a` is beyond that of `b`. */
export function isAtMost(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): boolean {
  return [...a].every(([name, offset]) => offset <= (b.get(name) ?? 0));
}
