/** Random batches in all the forms that columns have, and hostile text, for property tests. */
import fc from 'fast-check';
import { decodeBatch, encodeBatch } from '../../src/event/batch.js';
import { batchOf, type BytesColumn, type Column, type ColumnBatch } from '../../src/event/columns.js';
import { batchFromRows } from '../../src/event/rows.js';
import { EVERY_TYPE, everyRows } from '../event/arbitrary.js';

/** A column of byte strings without nulls. */
export function bytesColumn(texts: readonly ArrayLike<number>[]): BytesColumn {
  const offsets = new Uint32Array(texts.length + 1);
  texts.forEach((text, i) => (offsets[i + 1] = offsets[i]! + text.length));
  return { kind: 'bytes', nulls: null, offsets, data: Uint8Array.from(texts.flatMap((text) => Array.from(text))) };
}

/** What is left of a value in JSON. */
export const asPlain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** Bytes of any kind, and such as are nearly UTF-8 or need escapes. */
export const hostileBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 24 }),
  fc.string({ unit: 'binary', maxLength: 24 }).map((text) => new TextEncoder().encode(text)),
  fc
    .array(
      fc.constantFrom(
        [0xef, 0xbb, 0xbf],
        [0xed, 0xa0, 0x80],
        [0xf4, 0x90, 0x80, 0x80],
        [0xe0, 0x80, 0x80],
        [0xf0, 0x80, 0x80, 0x80],
        [0xf0, 0x9f, 0x98, 0x80],
        [0xc3],
        [0xc3, 0xbc],
        [0],
        [0x22],
        [0x5c],
        [0x0a],
        [0x0d],
        [0x7f],
        [0x61, 0x62, 0x63, 0x64, 0x65],
      ),
      { maxLength: 8 },
    )
    .map((parts) => Uint8Array.from(parts.flat())),
);

/** A dictionary or list column as it is when its dictionary was full. */
function withoutDictionary(column: Column): Column {
  if (column.kind === 'dictionary') {
    const texts = Array.from(column.codes, (code, row) =>
      column.nulls !== null && (column.nulls[row >> 3]! >> (row & 7)) & 1 ? [] : [...column.dictionary.bytesOf(code)],
    );
    return { ...bytesColumn(texts), nulls: column.nulls };
  }
  if (column.kind !== 'list') return column;
  const items = Array.from(column.codes, (code) => [...column.dictionary.bytesOf(code)]);
  return { kind: 'bytesList', nulls: column.nulls, offsets: column.offsets, items: bytesColumn(items) };
}

/** Batches of `EVERY_TYPE` as producers build them, as the log gives them, and with full dictionaries. */
export const everyBatch: fc.Arbitrary<ColumnBatch> = fc
  .tuple(everyRows, fc.constantFrom('built', 'log', 'full'))
  .map(([rows, form]) => {
    const built = batchFromRows(EVERY_TYPE, rows);
    if (form === 'log') return decodeBatch(encodeBatch(built), EVERY_TYPE);
    if (form === 'built') return built;
    const columns = EVERY_TYPE.columns.map((_, index) => withoutDictionary(built.column(index)));
    return batchOf(EVERY_TYPE, built.rows, columns);
  });
