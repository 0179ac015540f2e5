/**
 * Durations and sizes as people write them: a number and a unit, `'90 s'`, `'64 MiB'`. A bare
 * number is refused, because nobody can tell its unit by looking at it.
 */

const DURATIONS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  second: 1_000,
  seconds: 1_000,
  min: 60_000,
  minute: 60_000,
  minutes: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  hours: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  days: 86_400_000,
};

const SIZES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

/** What a duration looks like, for messages. */
export const DURATION_EXAMPLE = "a duration such as '250 ms', '90 s', '10 min', '24 h' or '7 d'";

/** What a size looks like, for messages. */
export const SIZE_EXAMPLE = "a size such as '512 KiB', '64 MiB', '20 GiB' or '1 TB'";

/** Milliseconds of `'90 s'`; undefined when it is not a duration. */
export function parseDuration(text: string): number | undefined {
  return parse(text, DURATIONS);
}

/** Bytes of `'64 MiB'`; undefined when it is not a size. */
export function parseSize(text: string): number | undefined {
  return parse(text, SIZES);
}

/** Milliseconds as the shortest exact text: 90000 is `'90 s'`. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'min', 's'] as const)
    if (ms !== 0 && ms % DURATIONS[unit]! === 0) return `${ms / DURATIONS[unit]!} ${unit}`;
  return `${ms} ms`;
}

/** Bytes as the shortest exact text: 67108864 is `'64 MiB'`. */
export function formatSize(bytes: number): string {
  for (const unit of ['TiB', 'GiB', 'MiB', 'KiB'] as const)
    if (bytes !== 0 && bytes % SIZES[unit]! === 0) return `${bytes / SIZES[unit]!} ${unit}`;
  return `${bytes} B`;
}

function parse(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*$/.exec(text);
  const factor = match === null ? undefined : units[match[2]!];
  return factor === undefined ? undefined : Math.round(Number(match![1]) * factor);
}
