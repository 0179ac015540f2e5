/** How far state has to be let go of, from its oldest end. */
import type { Age, ShedCut } from './operator.js';

/** The cut that lets go of about `excess` bytes; null where all state is as new as the newest. */
export function cutOf(
  ages: (visit: (age: Age, at: number, bytes: number) => void) => void,
  excess: number,
): ShedCut | null {
  const found: Record<Age, Map<number, number>> = { time: new Map(), stamp: new Map() };
  let total = 0;
  ages((age, at, bytes) => {
    found[age].set(at, (found[age].get(at) ?? 0) + bytes);
    total += bytes;
  });
  const share = Math.min(1, excess / total);
  const cut = { time: cutAt(found.time, share), stamp: cutAt(found.stamp, share) };
  return cut.time === Number.NEGATIVE_INFINITY && cut.stamp === Number.NEGATIVE_INFINITY ? null : cut;
}

/** The age up to which a share of the bytes lies, the newest apart. */
function cutAt(bytesOf: ReadonlyMap<number, number>, share: number): number {
  const ages = Float64Array.from(bytesOf.keys()).sort();
  let left = [...bytesOf.values()].reduce((sum, bytes) => sum + bytes, 0) * share;
  let cut = Number.NEGATIVE_INFINITY;
  for (const at of ages.subarray(0, -1)) {
    if (left <= 0) break;
    cut = at;
    left -= bytesOf.get(at)!;
  }
  return cut;
}
