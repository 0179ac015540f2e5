/**
 * A web server's access log in the combined format:
 *
 * ```
 * ip identity user [17/May/2015:10:05:03 +0000] "GET /path HTTP/1.1" 200 203023 "referrer" "agent"
 * ```
 *
 * One line is one event of a `web_log` stream: `id`, `event_time`, `ip`, `method`, `path`, `status`,
 * `bytes`, `referrer`, `user_agent`, `labels`. The id is `<file>:<line>`, because real logs repeat
 * lines byte for byte, and each of them was a request. A last field that is cut off is taken as far
 * as it goes. Bots are labelled, not dropped.
 */
import { isbot } from 'isbot';

const LINE =
  /^(\S+) \S+ .*?\[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)(?: "((?:[^"\\]|\\.)*)")?(?: "((?:[^"\\]|\\.)*)"?)?/;
const TIME = /^(\d\d)\/(\w{3})\/(\d{4}):(\d\d:\d\d:\d\d) ([+-]\d\d)(\d\d)$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const AGENTS_MAX = 20_000;

/** An event of a line; what the line doesn't say is missing. */
export interface AccessLogEvent {
  readonly id: string;
  /** ISO 8601. */
  readonly event_time?: string;
  readonly ip: string;
  readonly method?: string;
  readonly path: string;
  readonly status: number;
  readonly bytes?: number;
  readonly referrer?: string;
  readonly user_agent?: string;
  readonly labels?: readonly string[];
}

/** Turns the lines of one log into events. */
export class AccessLogReader {
  readonly #name: string;
  readonly #bots = new Map<string, boolean>();
  #line = 0;

  /** `name` stands in front of each id. */
  constructor(name: string) {
    this.#name = name;
  }

  /** The event of the next line; null for a line in another format. Every line counts. */
  read(line: string): AccessLogEvent | null {
    const id = `${this.#name}:${++this.#line}`;
    const match = LINE.exec(line);
    if (match === null) return null;
    const [, ip, time, request, status, bytes, referrer, agent] = match;
    const [method, path] = /^(\S+) (\S+)/.exec(request!)?.slice(1) ?? [undefined, request];
    const when = isoTime(time!);
    return {
      id,
      ...(when === undefined ? {} : { event_time: when }),
      ip: ip!,
      ...(method === undefined ? {} : { method }),
      path: path!,
      status: Number(status),
      ...(bytes === '-' ? {} : { bytes: Number(bytes) }),
      ...said('referrer', referrer),
      ...said('user_agent', agent),
      ...(isSaid(agent) && this.#isBot(agent) ? { labels: ['bot'] } : {}),
    };
  }

  #isBot(agent: string): boolean {
    let bot = this.#bots.get(agent);
    if (bot === undefined) {
      bot = isbot(agent);
      if (this.#bots.size >= AGENTS_MAX) this.#bots.clear();
      this.#bots.set(agent, bot);
    }
    return bot;
  }
}

function isSaid(value: string | undefined): value is string {
  return value !== undefined && value !== '-' && value !== '';
}

function said(name: string, value: string | undefined): object {
  return isSaid(value) ? { [name]: value } : {};
}

function isoTime(text: string): string | undefined {
  const match = TIME.exec(text);
  const month = MONTHS.indexOf(match?.[2] ?? '') + 1;
  if (match === null || month === 0) return undefined;
  const [, day, , year, time, zoneHours, zoneMinutes] = match;
  return `${year}-${String(month).padStart(2, '0')}-${day}T${time}${zoneHours}:${zoneMinutes}`;
}
