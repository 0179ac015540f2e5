/**
 * Keys of state as bytes:
 *
 *     kind 1 · text (length and UTF-8), 8 bytes of a double, or length and UTF-16
 *
 * Kind: 0 text, 1 number, 2 a text with half a surrogate pair, as UTF-16.
 */
import type { ByteReader, ByteWriter } from '../../util/bytes.js';
import type { Key } from '../dataflow/state-table.js';

/** Writes a key. */
export function writeKey(key: Key, writer: ByteWriter): void {
  if (typeof key === 'number') {
    writer.byte(1);
    writer.double(key);
  } else if (!/\p{Surrogate}/u.test(key)) {
    writer.byte(0);
    writer.text(key);
  } else {
    writer.byte(2);
    writer.block(Buffer.from(key, 'utf16le'));
  }
}

/** Reads what `writeKey` wrote. */
export function readKey(reader: ByteReader): Key {
  switch (reader.byte()) {
    case 1:
      return reader.double();
    case 2:
      return Buffer.from(reader.block()).toString('utf16le');
    default:
      return reader.text();
  }
}
