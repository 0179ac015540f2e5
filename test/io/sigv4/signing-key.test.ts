import { describe, expect, test } from 'vitest';
import { SigningKeyCache } from '../../../src/io/sigv4/signing-key.js';

const scope = { date: '20150830', region: 'us-east-1', service: 'service' };

describe('the cache of signing keys', () => {
  test('keeps at most so many, those used last', () => {
    const keys = new SigningKeyCache(2);
    for (const id of ['a', 'b', 'a', 'c']) keys.take(id, 'secret', scope);
    expect(keys.size).toBe(2);
    expect(['a', 'b', 'c'].map((id) => keys.find(id, 'secret', scope) !== undefined)).toEqual([true, false, true]);
  });

  test('keeps one key a day, region and service, and forgets it when the secret changes', () => {
    const keys = new SigningKeyCache();
    const first = keys.take('a', 'secret', scope);
    expect(keys.take('a', 'secret', scope)).toBe(first);
    for (const other of [{ date: '20150831' }, { region: 'eu-west-1' }, { service: 's3' }])
      expect(keys.take('a', 'secret', { ...scope, ...other })).not.toEqual(first);
    expect(keys.take('a', 'another', scope)).not.toEqual(first);
    expect(keys.size).toBe(4);
  });
});
