/**
 * A running Millrace, as the commands reach it over HTTP.
 *
 * Address: `--url`, else `MILLRACE_URL`, else http://127.0.0.1 with `MILLRACE_PORT` or 7070. Key:
 * `--key`, else `MILLRACE_KEY`.
 */
import { Option, type Command } from 'commander';
import { ERRORS, MillraceError, type ErrorCode } from '../util/errors.js';

/** The options that name a server. */
export interface ServerOptions {
  readonly url?: string;
  readonly key?: string;
}

/** Adds `--url` and `--key` to a command. */
export function withServer(command: Command): Command {
  const port = process.env['MILLRACE_PORT'] ?? '7070';
  return command
    .addOption(
      new Option('--url <url>', 'address of the server').env('MILLRACE_URL').default(`http://127.0.0.1:${port}`),
    )
    .addOption(new Option('--key <key>', 'API key').env('MILLRACE_KEY'));
}

/** A server and the key to speak to it. */
export class Server {
  readonly url: string;
  readonly #key: string | undefined;

  constructor(options: ServerOptions) {
    this.url = (options.url ?? 'http://127.0.0.1:7070').replace(/\/+$/, '');
    this.#key = options.key;
  }

  /** The JSON answer to a GET. Throws the server's error, or KEY_MISSING, or NOT_FOUND when nobody listens. */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return (await (await this.open(path, {}, signal)).json()) as T;
  }

  /** The JSON answer to a POST of JSON. */
  async post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
    const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    return (await (await this.open(path, init, signal)).json()) as T;
  }

  /** An answer with status 2xx whose body is still to be read. */
  async open(path: string, init: RequestInit = {}, signal?: AbortSignal): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#key !== undefined) headers.set('authorization', `Bearer ${this.#key}`);
    const response = await fetch(`${this.url}${path}`, {
      ...init,
      headers,
      ...(signal === undefined ? {} : { signal }),
    }).catch((cause: unknown) => {
      if (signal?.aborted === true) throw cause;
      const why = (cause as { cause?: { code?: string } }).cause?.code ?? String(cause);
      throw new MillraceError(
        'NOT_FOUND',
        `no Millrace answers at ${this.url} (${why}); start one with \`millrace start\`, or name it with --url`,
        { place: this.url, cause },
      );
    });
    if (response.ok) return response;
    throw await serverError(response, this.url + path);
  }
}

async function serverError(response: Response, place: string): Promise<MillraceError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string; place?: string } };
    const code = (error.code in ERRORS ? error.code : 'INTERNAL') as ErrorCode;
    const hint = code === 'KEY_MISSING' || code === 'KEY_INVALID' ? '; give one with --key or MILLRACE_KEY' : '';
    return new MillraceError(code, error.message + hint, { place: error.place ?? place });
  } catch (cause) {
    return new MillraceError('INTERNAL', `${place} answered ${response.status}: ${text.slice(0, 200)}`, {
      place,
      cause,
    });
  }
}
