/**
 * The built console as files, from a list made at start.
 *
 * Nothing of a request becomes a path: a request is looked up among the files that were there, so
 * there is nothing to traverse. Files under `assets/` carry a hash in their name and never change;
 * everything else is asked for again each time.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { targetOf } from '../collect/http/request.js';
import type { Handler } from '../collect/http/server.js';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.woff2': 'font/woff2',
  '.map': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
};

/** Only what the console itself brings may run, and it may speak to its own server only. */
const SECURITY = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
} as const;

interface StaticFile {
  readonly bytes: Buffer;
  readonly gzip: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly etag: string;
}

/** Serves a folder at `/`; a folder that is not there serves nothing. */
export function createStatic(folder: string | null): Handler {
  const files = folder === null || !existsSync(folder) ? new Map<string, StaticFile>() : readFiles(folder);
  return {
    handle(request, response) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return false;
      const { path } = targetOf(request);
      const file = files.get(path === '/' ? '/index.html' : path);
      if (file === undefined) return false;
      if (request.headers['if-none-match'] === file.etag) {
        response.writeHead(304, { etag: file.etag, 'cache-control': file.headers['cache-control']! });
        response.end();
        return true;
      }
      const zipped = file.gzip !== null && /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''));
      const bytes = zipped ? file.gzip! : file.bytes;
      response.writeHead(200, {
        ...file.headers,
        etag: file.etag,
        'content-length': bytes.length,
        ...(zipped ? { 'content-encoding': 'gzip' } : {}),
      });
      response.end(request.method === 'HEAD' ? undefined : bytes);
      return true;
    },
  };
}

function readFiles(folder: string): Map<string, StaticFile> {
  const files = new Map<string, StaticFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const full = join(entry.parentPath, entry.name);
    const path = `/${relative(folder, full).split(sep).join('/')}`;
    files.set(path, readFile(full, path));
  }
  return files;
}

function readFile(full: string, path: string): StaticFile {
  const bytes = readFileSync(full);
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  const gzip = bytes.length > 1024 && /^(text|image\/svg|application\/json)/.test(type) ? gzipSync(bytes) : null;
  const cache = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
  return {
    bytes,
    gzip,
    headers: { ...SECURITY, 'content-type': type, 'cache-control': cache, vary: 'accept-encoding' },
    etag: `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`,
  };
}
