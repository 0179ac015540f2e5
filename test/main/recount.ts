/**
 * The access log counted from its raw text, sharing no code with the product: its own line pattern,
 * its own months, plain maps.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** What the text says of one line. */
export interface LogLine {
  readonly number: number;
  readonly ms: number;
  readonly ip: string;
  readonly path: string;
  readonly status: number;
  readonly bytes: number | null;
  readonly agent: string;
}

const MONTHS = 'JanFebMarAprMayJunJulAugSepOctNovDec';

/** Reads all lines. */
export function readLines(file: string): LogLine[] {
  const text = gunzipSync(readFileSync(file)).toString('utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => parse(line, i + 1));
}

function parse(line: string, number: number): LogLine {
  const [ip] = line.split(' ');
  const time = line.slice(line.indexOf('[') + 1, line.indexOf(']'));
  const quoted = line.split('"');
  const [status, bytes] = quoted[2]!.trim().split(' ');
  const [day, month, year, hour, minute, second] = [
    time.slice(0, 2),
    time.slice(3, 6),
    time.slice(7, 11),
    time.slice(12, 14),
    time.slice(15, 17),
    time.slice(18, 20),
  ];
  if (!time.endsWith('+0000')) throw new Error(`line ${number} is not in UTC`);
  return {
    number,
    ms: Date.UTC(Number(year), MONTHS.indexOf(month) / 3, Number(day), Number(hour), Number(minute), Number(second)),
    ip: ip!,
    path: quoted[1]!.split(' ')[1]!,
    status: Number(status),
    bytes: bytes === '-' ? null : Number(bytes),
    agent: quoted[5] ?? '',
  };
}

/** Groups lines by a key. */
export function groupBy(lines: readonly LogLine[], key: (line: LogLine) => string): Map<string, LogLine[]> {
  const groups = new Map<string, LogLine[]>();
  for (const line of lines) {
    const group = groups.get(key(line));
    if (group === undefined) groups.set(key(line), [line]);
    else group.push(line);
  }
  return groups;
}
