/** The smallest and the largest tenant of a batch, by bytes, so that readers can skip batches. */
import type { BytesColumn, DictionaryColumn } from '../columns.js';
import type { Schema } from '../schema.js';
import { FLAG } from './layout.js';
import { sliceRows, type RowSlice } from './slices.js';
import type { BatchTarget } from './target.js';

/** Longer tenants are not kept; the batch then states no range. */
const LENGTH_MAX = 255;

interface Range {
  data: Uint8Array;
  from: number;
  to: number;
}

/** Which codes were compared already, by round: one comparison a distinct code. */
const seen = new Uint32Array(65_536);
let round = 0;

/** Writes the range at `target.position` and its lengths into the header; answers the flag, or 0. */
export function writeTenants(target: BatchTarget, start: number, slices: readonly RowSlice[], schema: Schema): number {
  const index = schema.roles.tenant;
  if (index < 0) return 0;
  let min: Range | null = null;
  let max: Range | null = null;
  for (const slice of slices) {
    const column = slice.batch.column(index) as DictionaryColumn | BytesColumn;
    const { data, offsets } = column.kind === 'dictionary' ? column.dictionary : column;
    const count = sliceRows(slice);
    round = (round + 1) >>> 0 || 1;
    for (let i = 0; i < count; i++) {
      const row = slice.rows === null ? i : slice.rows[i]!;
      const entry = column.kind === 'dictionary' ? column.codes[row]! : row;
      if (column.kind === 'dictionary') {
        if (seen[entry] === round) continue;
        seen[entry] = round;
      }
      const from = offsets[entry]!;
      const to = offsets[entry + 1]!;
      if (min === null || max === null) {
        min = { data, from, to };
        max = { data, from, to };
      } else if (compare(data, from, to, min) < 0) min = { data, from, to };
      else if (compare(data, from, to, max) > 0) max = { data, from, to };
    }
  }
  if (min === null || max === null || min.to - min.from > LENGTH_MAX || max.to - max.from > LENGTH_MAX) return 0;
  target.bytes.set(min.data.subarray(min.from, min.to), target.position);
  target.position += min.to - min.from;
  target.bytes.set(max.data.subarray(max.from, max.to), target.position);
  target.position += max.to - max.from;
  target.u16[(start + 80) >> 1] = min.to - min.from;
  target.u16[(start + 82) >> 1] = max.to - max.from;
  target.align();
  target.u32[(start + 12) >> 2] = target.position - start;
  return FLAG.tenants;
}

function compare(data: Uint8Array, from: number, to: number, range: Range): number {
  const length = Math.min(to - from, range.to - range.from);
  for (let i = 0; i < length; i++) {
    const difference = data[from + i]! - range.data[range.from + i]!;
    if (difference !== 0) return difference;
  }
  return to - from - (range.to - range.from);
}
