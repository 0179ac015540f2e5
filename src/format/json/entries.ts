import { EntryCache } from '../entries.js';
import { putText } from './text.js';

/**
 * Dictionary entries as JSON strings, for all who write JSON in a thread. An entry lacks the opening
 * quote (it is part of the key before it) and brings the comma behind it.
 */
export const jsonEntries: EntryCache = new EntryCache((view, at, source, from, to) => {
  const end = putText(view, at, source, from, to);
  view.setUint16(end, 0x2c22, true);
  return end + 2;
});
