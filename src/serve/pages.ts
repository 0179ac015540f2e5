/**
 * HTML pages of the configuration, such as the demo: served as they are, at their paths.
 *
 * A page is read again whenever it is asked for, so that it can be worked on while Millrace runs.
 * It is the configuration's own and may run what it likes, but speaks to its own server only.
 */
import { readFile } from 'node:fs/promises';
import { answerError } from '../collect/http/answer.js';
import { targetOf } from '../collect/http/request.js';
import type { Handler } from '../collect/http/server.js';
import { MillraceError } from '../util/errors.js';

/** A page. */
export interface Page {
  /** Such as `/demo`. */
  readonly path: string;
  /** The HTML file, absolute. */
  readonly file: string;
}

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-cache',
  'x-content-type-options': 'nosniff',
  'content-security-policy':
    "default-src 'self' data:; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
} as const;

/** Serves the pages; other paths are left to others. */
export function createPages(pages: readonly Page[]): Handler {
  const files = new Map(pages.map(({ path, file }) => [path, file]));
  return {
    handle(request, response) {
      const { path } = targetOf(request);
      const file = files.get(path);
      if (file === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return false;
      readFile(file).then(
        (bytes) => {
          response.writeHead(200, { ...HEADERS, 'content-length': bytes.length });
          response.end(request.method === 'HEAD' ? undefined : bytes);
        },
        (cause: unknown) =>
          answerError(
            request,
            response,
            new MillraceError('NOT_FOUND', `the page of ${path} can't be read: ${(cause as Error).message}`, {
              place: path,
              cause,
            }),
          ),
      );
      return true;
    },
  };
}
