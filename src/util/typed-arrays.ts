/** Typed arrays that grow. */

type Numbers = Uint8Array | Int32Array | Float64Array;

/** `into`, begun with the entries of a shorter array. */
export function larger<T extends Numbers>(old: T, into: T): T {
  into.set(old as never);
  return into;
}

/** An array with room for `capacity` entries, new ones 0: the array itself where it has that. */
export function grown<T extends Numbers>(old: T, capacity: number): T {
  if (capacity <= old.length) return old;
  return larger(old, new (old.constructor as new (size: number) => T)(capacity));
}
