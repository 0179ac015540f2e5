/** An operator's clock as an entry of state. */
import type { StateCodec } from '../state-table.js';

/** A moment, ms. */
export const clockCodec: StateCodec<number> = {
  write: (time, writer) => writer.double(time),
  read: (reader) => reader.double(),
  bytes: () => 8,
};
