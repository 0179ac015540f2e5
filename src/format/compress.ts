/**
 * Compression of what leaves Millrace as files and bodies, off the calling thread.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Encoder } from '@toondepauw/node-zstd';

/** Ways to compress, by the names that configs use. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** Every way there is. */
export const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'zstd'];

/** One way to compress. */
export interface Compressor {
  readonly name: Compression;
  /** What a file's name ends with, its point included: `.gz`; empty for none. */
  readonly extension: string;
  /** The `content-encoding` of a body; undefined for none. */
  readonly contentEncoding: string | undefined;
  /** One whole frame. `data` must not change until it resolves. */
  compress(data: Uint8Array): Promise<Uint8Array>;
}

/** Levels that cost about as much as making the rows: what comes after shrinks the output by a few percent. */
const GZIP_LEVEL = 6;
const ZSTD_LEVEL = 3;

const gzipAsync = promisify(gzip);

/** The compressor of a name; `level` is the format's own (gzip 1 to 9, default 6; zstd 1 to 22, default 3). */
export function compressorOf(name: Compression, level?: number): Compressor {
  switch (name) {
    case 'none':
      return { name, extension: '', contentEncoding: undefined, compress: (data) => Promise.resolve(data) };
    case 'gzip':
      return {
        name,
        extension: '.gz',
        contentEncoding: 'gzip',
        compress: (data) => gzipAsync(data, { level: level ?? GZIP_LEVEL }),
      };
    case 'zstd': {
      const encoder = new Encoder(level ?? ZSTD_LEVEL);
      return {
        name,
        extension: '.zst',
        contentEncoding: 'zstd',
        compress: (data) => encoder.encode(Buffer.from(data.buffer, data.byteOffset, data.byteLength)),
      };
    }
  }
}
