import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readError, readList } from '../../../src/io/s3/documents.js';
import { childText, escapeXml, parseXml, type XmlElement } from '../../../src/io/s3/xml.js';

describe('XML', () => {
  test('of S3 is read: declaration, prefixes, attributes, entities, CDATA, comments, white space', () => {
    const root = parseXml(
      `\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<!-- a > b -->\n<s:Root xmlns:s="http://x" a='"'>\n` +
        `<Key>a&amp;b&lt;c&gt;&quot;&apos;&#x20ac;&#128512;&#xD;</Key><Empty/><Cut id="1" ></Cut><Raw>x<![CDATA[<&]]>y</Raw></s:Root>\n`,
    );
    expect(root.name).toBe('Root');
    expect(root.children.map(({ name, text }) => [name, text])).toEqual([
      ['Key', 'a&b<c>"\'€😀\r'],
      ['Empty', ''],
      ['Cut', ''],
      ['Raw', 'x<&y'],
    ]);
    expect(childText(root, 'Key')).toBe(root.children[0]!.text);
    expect(childText(root, 'None')).toBeUndefined();
  });

  test.each([
    '',
    'text',
    '<a>',
    '<a></b>',
    '</a>',
    '<a/><b/>',
    '<a/>text',
    '<a b></a>',
    '<a b="<"></a>',
    '<1/>',
    '<a>&none;</a>',
    '<a>&#x110000;</a>',
    '<a>&valueOf;</a>',
    '<a>a & b</a>',
    '<a><!-- open</a>',
    '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    '<!DOCTYPE a><a/>',
    '<a>'.repeat(17) + '</a>'.repeat(17),
  ])('refuses %j', (xml) => {
    expect(() => parseXml(xml)).toThrow(/ at character \d+$/);
  });

  const tree: fc.Arbitrary<XmlElement> = fc.letrec<{ element: XmlElement }>((tie) => ({
    element: fc.record({
      name: fc.constantFrom('Key', 'ETag', 'a-b', '_x'),
      text: fc.string({ unit: 'grapheme' }),
      children: fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(tie('element'), { maxLength: 3 })),
    }),
  })).element;

  test('gives back any tree that was written', () => {
    const write = ({ name, text, children }: XmlElement): string =>
      `<${name}>${escapeXml(text)}${children.map(write).join('')}</${name}>`;
    fc.assert(
      fc.property(tree, (element) => {
        expect(parseXml(write(element))).toEqual(element);
      }),
    );
  });

  test('takes time in proportion to its length, whatever it is', () => {
    const size = 1_000_000;
    for (const text of [
      '<',
      '<a ',
      '&',
      '<!--',
      '<![CDATA[',
      '<a a="">',
      '<a'.padEnd(size),
      `<a${' a=""'.repeat(size / 5)}`,
    ])
      expect(() => parseXml(text.length < 100 ? text.repeat(size / text.length) : text)).toThrow();
  });
});

describe('documents', () => {
  test('an error needs its name and a code', () => {
    expect(readError('<Error><Code>A</Code></Error>')).toEqual({ code: 'A', message: '' });
    for (const xml of ['<Error/>', '<Other><Code>A</Code></Other>', 'no XML', ''])
      expect(readError(xml)).toBeUndefined();
  });

  test('a list says what it lacks', () => {
    const item = '<Key>k</Key><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>e</ETag><Size>1</Size>';
    const list = (text: string) => readList(`<ListBucketResult><Contents>${text}</Contents></ListBucketResult>`);
    expect(list(item).items).toHaveLength(1);
    expect(() => list(item.replace(/<Key>.*<\/Key>/, ''))).toThrow('expected <Key> in <Contents>');
    expect(() => list(item.replace('>1<', '>1.5<'))).toThrow('expected a number in <Size>');
    expect(() => list(item.replace('2026', 'then'))).toThrow('expected a time in <LastModified>');
    expect(() => readList('<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>')).toThrow(
      'expected <NextContinuationToken>',
    );
    expect(() => readList('<Other/>')).toThrow('expected <ListBucketResult>, found <Other>');
  });
});
