/** How sinks prove who they are and know whom they talk to. */
import { z } from 'zod';
import { path } from '../fields.js';

/** `tls` of a sink: PEM files. Left out: the system's authorities, and no certificate of one's own. */
export const tlsField = z.strictObject({
  ca: path('Certificates of the authorities to trust, PEM').optional(),
  certificate: path('A certificate of your own, PEM').optional(),
  key: path('Its key, PEM').optional(),
});

/** `tls`, parsed; paths are absolute. */
export type TlsOptions = z.output<typeof tlsField>;

/** Makes the paths absolute. */
export function tlsWithPaths(tls: TlsOptions | undefined, at: (path: string) => string): TlsOptions {
  const entries = Object.entries(tls ?? {}) as [keyof TlsOptions, string | undefined][];
  return Object.fromEntries(entries.flatMap(([name, file]) => (file === undefined ? [] : [[name, at(file)]])));
}
