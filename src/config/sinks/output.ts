/** `type: 'file'` and `type: 'stdout'`: lines of JSON into one file, or to whoever started the process. */
import { z } from 'zod';
import { path } from '../fields.js';

/** Lines into one file that grows. */
export const fileSinkField = z.strictObject({
  type: z.literal('file'),
  path: path('The file; lines are added at its end'),
});

/** Lines to standard output. */
export const stdoutSinkField = z.strictObject({ type: z.literal('stdout') });
