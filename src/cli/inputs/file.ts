/** Files as bytes: read in order, unpacked when they are gzip, their progress known. */
import { createReadStream, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { MillraceError } from '../../util/errors.js';

/** The bytes of a file, and how far reading is. */
export interface ByteSource {
  readonly bytes: AsyncIterable<Buffer>;
  progress(): number;
}

/** Opens a file; `-` is standard input. gzip is known by its first two bytes. Throws NOT_FOUND. */
export async function openBytes(path: string): Promise<ByteSource> {
  if (path === '-') return { bytes: process.stdin, progress: () => NaN };
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new MillraceError('NOT_FOUND', `there is no file ${path}`, { place: path });
  const file = createReadStream(path, { highWaterMark: 256 * 1024 });
  const progress = () => (size === 0 ? 1 : file.bytesRead / size);
  if (!(await isGzip(path))) return { bytes: file as AsyncIterable<Buffer>, progress };
  return { bytes: unpacked(file, path), progress };
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}

async function* unpacked(file: Readable, path: string): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  file.on('error', (error) => gunzip.destroy(error));
  try {
    for await (const chunk of file.pipe(gunzip)) yield chunk as Buffer;
  } catch (cause) {
    throw new MillraceError('BODY_MALFORMED', `${path} can't be unpacked: ${(cause as Error).message}`, {
      place: path,
      cause,
    });
  }
}
