/** What protocols read from a request beside its body. */
import type { IncomingMessage } from 'node:http';

/** The path and the query of a request. */
export interface Target {
  readonly path: string;
  readonly query: string;
}

/** Splits a request's URL. */
export function targetOf(request: IncomingMessage): Target {
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  return mark < 0 ? { path: url, query: '' } : { path: url.slice(0, mark), query: url.slice(mark + 1) };
}

/** The visitor's address: the socket's, or the last one that a trusted proxy added. */
export function addressOf(request: IncomingMessage, trustProxy: boolean): string {
  const forwarded = trustProxy ? headerOf(request, 'x-forwarded-for') : undefined;
  const address = forwarded?.split(',').at(-1)?.trim() || request.socket.remoteAddress || '';
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/** One header as text, shortened to `lengthMax`; undefined when it is not there. */
export function headerOf(request: IncomingMessage, name: string, lengthMax = 2048): string | undefined {
  const value = request.headers[name];
  const text = Array.isArray(value) ? value.join(', ') : value;
  return text === undefined || text === '' ? undefined : text.slice(0, lengthMax);
}

/** One cookie's value, or undefined. */
export function cookieOf(request: IncomingMessage, name: string): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const mark = part.indexOf('=');
    if (mark > 0 && part.slice(0, mark).trim() === name) return part.slice(mark + 1).trim();
  }
  return undefined;
}
