/** The smallest and the largest tenant of a batch, by bytes, so that readers can skip batches. */
import type { BytesColumn, DictionaryColumn } from '../columns.js';
import type { Schema } from '../schema.js';
import { TextBounds } from '../text-bounds.js';
import { FLAG } from './layout.js';
import { sliceRows, type RowSlice } from './slices.js';
import type { BatchTarget } from './target.js';

/** Longer tenants are not kept; the batch then states no range. */
const LENGTH_MAX = 255;

/** Which codes were compared already, by round: one comparison a distinct code. */
const seen = new Uint32Array(65_536);
let round = 0;

/** Writes the range at `target.position` and its lengths into the header; answers the flag, or 0. */
export function writeTenants(target: BatchTarget, start: number, slices: readonly RowSlice[], schema: Schema): number {
  const index = schema.roles.tenant;
  if (index < 0) return 0;
  const bounds = new TextBounds();
  for (const slice of slices) {
    const column = slice.batch.column(index) as DictionaryColumn | BytesColumn;
    if (column.kind === 'dictionary') takeCodes(column, slice.rows, sliceRows(slice), bounds);
    else takeTexts(column, slice.rows, sliceRows(slice), bounds);
  }
  const { min, max, any } = bounds;
  if (!any || min.length > LENGTH_MAX || max.length > LENGTH_MAX) return 0;
  target.bytes.set(min, target.position);
  target.bytes.set(max, target.position + min.length);
  target.position += min.length + max.length;
  target.u16[(start + 80) >> 1] = min.length;
  target.u16[(start + 82) >> 1] = max.length;
  target.align();
  target.u32[(start + 12) >> 2] = target.position - start;
  return FLAG.tenants;
}

function takeCodes(
  { codes, dictionary }: DictionaryColumn,
  rows: Uint32Array | null,
  count: number,
  bounds: TextBounds,
): void {
  const { data, offsets } = dictionary;
  round = (round + 1) >>> 0;
  if (round === 0) {
    seen.fill(0);
    round = 1;
  }
  for (let i = 0; i < count; i++) {
    const code = codes[rows === null ? i : rows[i]!]!;
    if (seen[code] === round) continue;
    seen[code] = round;
    bounds.take(data, offsets[code]!, offsets[code + 1]!);
  }
}

function takeTexts({ data, offsets }: BytesColumn, rows: Uint32Array | null, count: number, bounds: TextBounds): void {
  for (let i = 0; i < count; i++) {
    const row = rows === null ? i : rows[i]!;
    bounds.take(data, offsets[row]!, offsets[row + 1]!);
  }
}
