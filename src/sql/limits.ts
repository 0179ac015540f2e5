/** How large one value can become by a function: a few lines of SQL must not fill the memory. */
import { evaluationError } from './value.js';

/** Most UTF-16 units of a text, and most bytes, that a function makes. */
export const TEXT_LENGTH_MAX = 2 ** 26;
/** Most items of an array that a function makes. */
export const ITEMS_MAX = 2 ** 20;

/** The length of a text to be made; throws where it is too large. */
export function checkLength(length: number): number {
  if (length > TEXT_LENGTH_MAX) throw evaluationError('requested length too large');
  return length;
}

/** The number of items to be made; throws where it is too large. */
export function checkItems(count: number): number {
  if (count > ITEMS_MAX) throw evaluationError(`array size exceeds the maximum allowed (${ITEMS_MAX})`);
  return count;
}
