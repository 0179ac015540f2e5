/**
 * `hash`: a keyed hash (HMAC-SHA-256) in place of the value, in hexadecimal; of a uuid, a uuid made
 * of the hash. The same secret gives the same hash for the same text, whatever the column, so hashed
 * columns still join; without the secret nobody can try texts until one fits.
 */
import { createHmac } from 'node:crypto';
import type { HashOptions } from '../../config/transform-options.js';
import { isNull, type Column, type UuidColumn } from '../../event/columns.js';
import { withColumns, type Rows } from '../rows.js';
import { mapTexts, TextMap } from '../texts.js';
import { columnAt, refuseRole, type Verb } from '../verb.js';

/** The verb. */
export const hash: Verb<HashOptions> = {
  plan({ columns, secret }, context) {
    const { schema } = context;
    const chosen = new Set(
      columns.map((name) => {
        const index = columnAt(context, name, ['string', 'dictionary', 'uuid'], 'hash.columns');
        refuseRole(context, index, 'hash.columns', ['tenant']);
        return index;
      }),
    );
    const map = new TextMap<string | null>((text) => createHmac('sha256', secret).update(text).digest('hex'));
    const sources = schema.columns.map(({ type }, index) => {
      if (!chosen.has(index)) return index;
      return (rows: Rows): Column => {
        const column = rows.batch.column(index);
        return column.kind === 'uuid' ? hashUuids(column, rows, secret) : mapTexts(column, type, rows, map);
      };
    });
    return { schema, open: () => ({ run: (rows) => withColumns(rows, schema, sources) }) };
  },
};

function hashUuids({ data, nulls }: UuidColumn, { batch }: Rows, secret: string): UuidColumn {
  const hashed = new Uint8Array(batch.rows * 16);
  for (let row = 0; row < batch.rows; row++) {
    if (isNull(nulls, row)) continue;
    const at = row * 16;
    const digest = createHmac('sha256', secret)
      .update(data.subarray(at, at + 16))
      .digest();
    hashed.set(asUuid(digest), at);
  }
  return { kind: 'uuid', nulls, data: hashed };
}

/** The first 16 bytes with the marks of a uuid of version 8 (RFC 9562: made by the application). */
function asUuid(digest: Uint8Array): Uint8Array {
  const bytes = digest.subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes;
}
