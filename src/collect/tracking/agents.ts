/**
 * What a request says about who is behind it. Nothing here drops an event: it gets a label with
 * the reason, so that counts reconcile.
 */
import type { IncomingMessage } from 'node:http';
import { isbot } from 'isbot';

/** A program that says so, or one that is not a browser. */
export const LABEL_BOT = 'bot';
/** No user agent at all. */
export const LABEL_NO_AGENT = 'no_user_agent';
/** The browser fetched it in advance; nobody may have seen it. */
export const LABEL_PREFETCH = 'prefetch';
/** Personal data was left out because the visitor did not agree to it. */
export const LABEL_NO_CONSENT = 'no_consent';

/** Most user agents whose verdict is kept; beyond it the oldest half is forgotten. */
const AGENTS_MAX = 20_000;

/** Longest user agent that is judged: the rest tells nothing, and patterns take time. */
const AGENT_LENGTH_MAX = 1024;

/** Tells bots by their user agent, and remembers. */
export class Agents {
  readonly #known = new Map<string, boolean>();

  /** Whether a user agent is a bot's. */
  isBot(agent: string): boolean {
    const key = agent.slice(0, AGENT_LENGTH_MAX);
    let bot = this.#known.get(key);
    if (bot === undefined) {
      bot = isbot(key);
      if (this.#known.size >= AGENTS_MAX) this.#forget();
      this.#known.set(key, bot);
    }
    return bot;
  }

  #forget(): void {
    let left = AGENTS_MAX >> 1;
    for (const key of this.#known.keys()) {
      if (left-- === 0) break;
      this.#known.delete(key);
    }
  }
}

/** Whether the browser says that it fetches in advance. */
export function isPrefetch(request: IncomingMessage): boolean {
  for (const name of ['sec-purpose', 'purpose', 'x-purpose', 'x-moz']) {
    const value = request.headers[name];
    if (typeof value === 'string' && /prefetch|prerender|preview/i.test(value)) return true;
  }
  return false;
}
