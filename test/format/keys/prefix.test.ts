import { describe, expect, test } from 'vitest';
import { evaluatePrefix, parsePrefix, type PrefixUse } from '../../../src/format/keys/prefix.js';

const AT = Date.UTC(2018, 7, 27, 10, 30);

function evaluated(prefix: string, use: PrefixUse = 'records', partitions: Record<string, string | null> = {}): string {
  return evaluatePrefix(parsePrefix(prefix, use), {
    localMs: AT,
    partition: (name) => partitions[name] ?? null,
    random: (place) => `random-${place}`.padEnd(11, 'x'),
    errorType: 'processing-failed',
  });
}

describe('prefixes', () => {
  // The examples of Firehose's documentation, at 10:30 UTC on August 27, 2018.
  test.each([
    ['', '2018/08/27/10/'],
    ['myFirehosePrefix/', 'myFirehosePrefix/2018/08/27/10/'],
    ['myPrefix', 'myPrefix2018/08/27/10/'],
    ['!{timestamp:yyyy/MM/dd}', '2018/08/27'],
    [
      'myFirehose/DeliveredYear=!{timestamp:yyyy}/anyMonth/rand=!{firehose:random-string}',
      'myFirehose/DeliveredYear=2018/anyMonth/rand=random-3xxx',
    ],
    [
      'myPrefix/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/',
      'myPrefix/year=2018/month=08/day=27/hour=10/',
    ],
    ["!{timestamp:'year='yyyy'/month='MM'/day='dd'/hour='HH}/", 'year=2018/month=08/day=27/hour=10/'],
  ])('%s', (prefix, expected) => {
    expect(evaluated(prefix)).toBe(expected);
  });

  test.each([
    ['myFirehoseFailures/!{firehose:error-output-type}/', 'myFirehoseFailures/processing-failed/'],
    [
      'myFirehoseFailures/!{firehose:error-output-type}/!{timestamp:yyyy}/anyMonth/!{timestamp:dd}',
      'myFirehoseFailures/processing-failed/2018/anyMonth/27',
    ],
    [
      'myPrefix/result=!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}',
      'myPrefix/result=processing-failed/2018/08/27',
    ],
  ])('of errors: %s', (prefix, expected) => {
    expect(evaluated(prefix, 'errors')).toBe(expected);
  });

  test('partition keys of queries and of functions', () => {
    const prefix =
      'customer_id=!{partitionKeyFromQuery:customer_id}/device=!{partitionKeyFromLambda:device}/!{timestamp:HH}/';
    expect(evaluated(prefix, 'records', { customer_id: '1234567890', device: 'mobile' })).toBe(
      'customer_id=1234567890/device=mobile/10/',
    );
    expect(parsePrefix(prefix).partitionKeys).toEqual(['customer_id', 'device']);
    expect(parsePrefix(prefix).fixed).toBe('customer_id=');
  });

  test('values stay within their segment', () => {
    const at = (value: string | null): string =>
      evaluated('!{partitionKeyFromQuery:k}/!{timestamp:HH}', 'records', { k: value });
    expect(at('../../etc')).toBe('..%2F..%2Fetc/10');
    expect(at('..')).toBe('%2E%2E/10');
    expect(at('')).toBe('__HIVE_DEFAULT_PARTITION__/10');
    expect(at(null)).toBe('__HIVE_DEFAULT_PARTITION__/10');
    expect(at('100%')).toBe('100%25/10');
    expect(at('a\\b\u0000c')).toBe('a%5Cb%00c/10');
    expect(at('!{timestamp:yyyy}')).toBe('!%7Btimestamp%3Ayyyy}/10');
    const [long, other] = ['ä'.repeat(500), `${'ä'.repeat(499)}b`].map(at);
    expect(Buffer.byteLength(long!)).toBeLessThan(170);
    expect(long).not.toBe(other);
  });

  test.each<[string, PrefixUse, string, string]>([
    ['logs/!{timestamp:yyyy', 'records', 'at character 6', 'never closed'],
    ['logs/!{time:yyyy}', 'records', 'at character 8', "found '!{time:yyyy}'"],
    ['logs/!{timestamp}', 'records', 'at character 8', 'expected a value'],
    ['a/!{timestamp:yyyy/jj}', 'records', 'at character 20', "found 'j'"],
    ['a/!{firehose:random}', 'records', 'at character 14', "found 'random'"],
    ['a/!{firehose:error-output-type}/', 'records', 'at character 5', 'errors only'],
    ['a/', 'errors', 'at character 1', 'error-output-type'],
  ])('%s is refused with the place', (prefix, use, place, what) => {
    expect(() => parsePrefix(prefix, use)).toThrow(place);
    expect(() => parsePrefix(prefix, use)).toThrow(what);
  });
});
