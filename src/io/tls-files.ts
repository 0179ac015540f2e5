/** PEM files as `tls.connect` takes them. */
import type { Disk } from './disk.js';

/** Longest file that is taken: authorities of a whole system are about 200 KiB. */
const PEM_BYTES_MAX = 4 * 1024 * 1024;

/** Which files there are; absolute paths. */
export interface TlsFiles {
  readonly ca?: string | undefined;
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
}

/** What stands in them. */
export interface TlsTexts {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Reads the files; throws what the disk throws. */
export function readTlsFiles({ ca, certificate, key }: TlsFiles, disk: Disk): TlsTexts {
  return {
    ...(ca === undefined ? {} : { ca: readText(ca, disk) }),
    ...(certificate === undefined ? {} : { cert: readText(certificate, disk) }),
    ...(key === undefined ? {} : { key: readText(key, disk) }),
  };
}

function readText(path: string, disk: Disk): string {
  const file = disk.open(path, 'read');
  try {
    const size = file.size();
    if (size > PEM_BYTES_MAX) throw new Error(`${path}: expected at most ${PEM_BYTES_MAX} bytes, found ${size}`);
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, file.readSync(bytes, 0, size, 0)).toString();
  } finally {
    file.close();
  }
}
