import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseTimePattern } from '../../../src/format/keys/time-pattern.js';
import { zoneOf } from '../../../src/sql/zones.js';

/** What Java 17's `DateTimeFormatter.ofPattern(pattern, Locale.US)` makes of an instant in a zone. */
interface Reading {
  readonly ms: number;
  readonly zone: string;
  readonly texts: Readonly<Record<string, string>>;
}

const readings = JSON.parse(
  readFileSync(new URL('../../golden/java-time-patterns.json', import.meta.url), 'utf8'),
) as Reading[];

describe('time patterns', () => {
  test('are printed as Java prints them', () => {
    expect(readings.length).toBeGreaterThan(40);
    for (const { ms, zone, texts } of readings) {
      const localMs = ms + zoneOf(zone).offsetMs(ms);
      const ours = Object.fromEntries(
        Object.keys(texts).map((pattern) => [pattern, parseTimePattern(pattern).format(localMs)]),
      );
      expect({ ms, zone, texts: ours }).toEqual({ ms, zone, texts });
    }
  });

  test.each([
    ['yyyy/jj', 'at character 6', "found 'j'"],
    ["yyyy'/MM", 'at character 5', 'never closed'],
    ['ddd', 'at character 1', 'at most 2'],
    ['HH:mm:ssZ', 'at character 9', "found 'Z'"],
    ['yyyy[MM]', 'at character 5', 'single quotes'],
  ])('%s is refused with the place', (pattern, place, what) => {
    expect(() => parseTimePattern(pattern)).toThrow(place);
    expect(() => parseTimePattern(pattern)).toThrow(what);
  });

  test('the place counts from where the pattern stands', () => {
    expect(() => parseTimePattern('j', 12)).toThrow('at character 13');
  });
});
