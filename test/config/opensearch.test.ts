import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.js';

const streams = { events: { schema: 'ad-events' } };

function sink(to: object): unknown {
  const out = { from: 'events', to: { type: 'opensearch', url: 'https://search:9200', index: 'events', ...to } };
  return parseConfig({ streams, deliveries: { out } }, { folder: '/app' }).deliveries[0]!.sink;
}

describe('settings of the sink opensearch', () => {
  test('are complete with URL and index, paths are absolute', () => {
    expect(sink({ tls: { ca: 'ca.pem' } })).toMatchObject({
      url: ['https://search:9200'],
      rotation: 'OneDay',
      documentId: 'tenant-event',
      auth: {},
      setUp: true,
      compression: 'none',
      timeout: 60_000,
      tls: { ca: '/app/ca.pem' },
      template: { settings: {}, mappings: {}, priority: 200 },
    });
    expect(sink({ url: ['http://a:9200/', 'http://b/search//'] })).toMatchObject({
      url: ['http://a:9200', 'http://b/search'],
    });
  });

  test.each([
    [{ url: 'search:9200' }, /to\.url: expected a URL/],
    [{ url: 'https://user:secret@search' }, /to\.url: expected a URL/],
    [{ url: [] }, /to\.url/],
    [{ index: 'Events' }, /to\.index: expected a name of an index/],
    [{ index: '_events' }, /to\.index: expected a name of an index/],
    [{ index: 'a b' }, /to\.index: expected a name of an index/],
    [{ index: 'a/../b' }, /to\.index: expected a name of an index/],
    [{ rotation: 'Daily' }, /to\.rotation: expected one of NoRotation, OneHour, OneDay, OneWeek, OneMonth/],
    [{ auth: { user: 'a' } }, /to\.auth: expected user and password, or apiKey/],
    [{ auth: { user: 'a', password: 'b', apiKey: 'c' } }, /to\.auth: expected user and password, or apiKey/],
    [{ retention: '7 d', rotation: 'NoRotation' }, /to\.retention: expected setUp and a rotation/],
    [{ retention: '7 d', setUp: false }, /to\.retention: expected setUp and a rotation/],
    [{ requestRowsMax: 0 }, /to\.requestRowsMax: expected a whole number/],
  ])('%j is refused', (to, message) => {
    expect(() => sink(to)).toThrow(message);
  });

  test.each([
    [{ auth: { user: 'mill', password: 'hunter2hunter2', apiKey: 'hunter2key' } }],
    [{ auth: 'mill:hunter2hunter2' }],
    [{ auth: ['hunter2hunter2'] }],
    [{ auth: { password: 'hunter2hunter2', pasword: 'hunter2hunter2' } }],
    [{ type: 'opensearchh', auth: { password: 'hunter2hunter2' } }],
  ])('no message shows what auth holds: %j', (to) => {
    const mistake = (): string => {
      try {
        return String(sink(to));
      } catch (error) {
        return String(error);
      }
    };
    expect(mistake()).toMatch(/deliveries\.out\.to/);
    expect(mistake()).not.toContain('hunter2');
  });
});
