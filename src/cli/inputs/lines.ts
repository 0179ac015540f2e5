import { MillraceError } from '../../util/errors.js';

/** Longest line or value that is put together, so that a file without line breaks can't fill the memory. */
export const VALUE_BYTES_MAX = 16 * 1024 * 1024;

/** Throws BODY_MALFORMED when a line or value is longer than can be. */
export function checkLength(bytes: number): void {
  if (bytes > VALUE_BYTES_MAX)
    throw new MillraceError(
      'BODY_MALFORMED',
      `one event is longer than ${VALUE_BYTES_MAX} bytes; is this the right format?`,
    );
}

/** Bytes → lines, without their line breaks; a last line without one counts too. */
export async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer[]> {
  let rest: Buffer[] = [];
  for await (const chunk of bytes) {
    const lines: Buffer[] = [];
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const line = chunk.subarray(from, at);
      lines.push(withoutReturn(rest.length === 0 ? line : Buffer.concat([...rest, line])));
      rest = [];
      from = at + 1;
    }
    if (from < chunk.length) rest.push(chunk.subarray(from));
    checkLength(rest.reduce((sum, part) => sum + part.length, 0));
    if (lines.length > 0) yield lines;
  }
  if (rest.length > 0) yield [withoutReturn(Buffer.concat(rest))];
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 13 ? line.subarray(0, -1) : line;
}
