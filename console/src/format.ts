const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

/** 12,345; from 100,000 on 123.5K. */
export function formatCount(value: number): string {
  return Math.abs(value) >= 100_000 ? compact.format(value) : whole.format(value);
}

/** A rate: one digit below 10, none above. */
export function formatRate(value: number): string {
  return value > 0 && value < 10 ? value.toFixed(1) : formatCount(value);
}

/** ms as the shortest fitting unit: 12 ms, 3.4 s, 5 min, 2 h, 3 d. */
export function formatSpan(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 86_400_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/** A window's start as people read it: day and minute, UTC. */
export function formatTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, 16).replace('T', ' ');
}

/** A moment to the second; the day only where it is not today's. UTC. */
export function formatClock(ms: number): string {
  return isToday(ms) ? new Date(ms).toISOString().slice(11, 19) : `${formatTime(ms)}:${seconds(ms)}`;
}

/** A moment to the minute; the day only where it is not today's. UTC. */
export function formatMinute(ms: number): string {
  return isToday(ms) ? formatTime(ms).slice(11) : formatTime(ms);
}

function isToday(ms: number): boolean {
  return formatTime(ms).slice(0, 10) === formatTime(Date.now()).slice(0, 10);
}

function seconds(ms: number): string {
  return new Date(ms).toISOString().slice(17, 19);
}
