const FIRST_MS = 250;
const LONGEST_MS = 30_000;

/**
 * How long to wait before sending again; ms. `retryAfter` is the header's text, seconds or a date, and
 * is honoured; without it, 250 ms doubling to 30 s. `random` (0 to 1) adds up to a quarter, so that
 * many senders don't come back at once.
 */
export function retryDelay(retryAfter: string | undefined, attempt: number, nowMs: number, random: number): number {
  const given = retryAfterMs(retryAfter, nowMs);
  return (given ?? Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt)) * (1 + random / 4);
}

function retryAfterMs(text: string | undefined, nowMs: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\s*\d+(\.\d+)?\s*$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
