import { describe, expect, test } from 'vitest';
import { settings } from './support.js';

describe('settings of a webhook', () => {
  const mistake = (to: Readonly<Record<string, unknown>>): string => {
    try {
      settings({ type: 'webhook', url: 'https://example.com/in', ...to });
    } catch (error) {
      return (error as Error).message;
    }
    return 'accepted';
  };
  test.each([
    [{ url: 'ftp://example.com' }, "url: expected a URL such as 'https://example.com/in'"],
    [{ url: 'https://me:hunter2@example.com' }, 'url: expected a URL without user and password'],
    [{ url: 'https://example.com/#hunter2' }, 'url: expected a URL without #'],
    [{ headers: { 'Webhook-Id': 'x' } }, 'expected a header that is not set by itself'],
    [{ headers: { 'a b': 'x' } }, 'expected the name of a header'],
    [{ headers: { 'x-key': 'hunter2\r\nx: y' } }, 'headers.x-key: expected printable ASCII'],
    [{ signingSecrets: ['hunter2'] }, "signingSecrets[0]: expected 'whsec_' and 24 to 64 bytes in base64"],
    [{ signingSecrets: ['whsec_aHVudGVyMg=='] }, "signingSecrets[0]: expected 'whsec_' and 24 to 64 bytes"],
    [{ allowPrivate: ['intranet'] }, 'allowPrivate'],
  ])('%j', (to, message) => {
    expect(mistake(to)).toContain(message);
    expect(mistake(to)).not.toContain('hunter2');
  });
});

describe('settings of an endpoint', () => {
  test('have defaults', () => {
    process.env['MILLRACE_TEST_URL'] = 'https://example.com/in?key=1';
    expect(settings({ type: 'http', url: { env: 'MILLRACE_TEST_URL' }, tls: { ca: 'ca.pem' } })).toEqual({
      type: 'http',
      url: 'https://example.com/in?key=1',
      allowPrivate: false,
      timeout: 30_000,
      tls: { ca: '/ca.pem' },
      compression: 'none',
      attributes: {},
      recordsMax: 10_000,
      bodySizeMax: 4 * 1024 ** 2,
    });
    delete process.env['MILLRACE_TEST_URL'];
  });

  test('are bounded as the protocol is', () => {
    for (const wrong of [{ recordsMax: 10_001 }, { bodySizeMax: '65 MiB' }, { compression: 'zstd' }])
      expect(() => settings({ type: 'http', url: 'https://example.com', ...wrong })).toThrow('expected');
  });
});
