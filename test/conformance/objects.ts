/**
 * What every `ObjectStore` must do, whatever it is made of. Call `objectConformance` in a test file with
 * a way to make an empty store.
 */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ListedMultipart, ListedObject, ObjectBody, ObjectStore } from '../../src/io/objects.js';
import type { MillraceError } from '../../src/util/errors.js';

/** A store under test. */
export interface StoreUnderTest {
  readonly store: ObjectStore;
  /** Another process that works in the same place. */
  openAgain(): ObjectStore;
  close(): Promise<void>;
}

const MIB = 1024 * 1024;
const TEXT = { contentType: 'text/plain' };

/** Runs the suite; `make` answers an empty store that puts in parts above 5 MiB, if it does so at all. */
export function objectConformance(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`object store conformance: ${name}`, () => {
    let under: StoreUnderTest;
    beforeAll(async () => {
      under = await make();
    });
    afterAll(() => under?.close());
    const store = (): ObjectStore => under.store;
    putting(store);
    listing(store);
    uploading(store, () => under.openAgain());
    refusing(store);
  });
}

/** The bytes of an object. */
export async function bytesOf(store: ObjectStore, key: string): Promise<Buffer | undefined> {
  const object = await store.get(key);
  if (object === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of object.body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The keys below a prefix, in the order of the list. */
export async function keysOf(store: ObjectStore, prefix = ''): Promise<string[]> {
  return (await all(store.list(prefix))).map(({ key }) => key);
}

/** The code of what a call rejects with. */
export function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error: unknown) => (error as MillraceError).code,
  );
}

/** All items. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

function same(left: ObjectBody, right: Uint8Array | undefined): boolean {
  return right !== undefined && Buffer.concat(left instanceof Uint8Array ? [left] : left).equals(right);
}

function putting(store: () => ObjectStore): void {
  test('an object comes back as it was put, whole or in pieces, small, large and empty', async () => {
    const bodies: ObjectBody[] = [
      Buffer.from('one'),
      new Uint8Array(0),
      [],
      [Buffer.from('in '), new Uint8Array(0), Buffer.from('pieces')],
      randomBytes(300_000),
      Array.from({ length: 13 }, () => randomBytes(MIB + 1)),
    ];
    for (const [index, body] of bodies.entries()) {
      const { etag, alreadyThere } = await store().put(`put/${index}`, body, TEXT);
      expect(alreadyThere).toBe(false);
      const bytes = await bytesOf(store(), `put/${index}`);
      expect(same(body, bytes), `body ${index}`).toBe(true);
      const info = await store().head(`put/${index}`);
      expect(info).toMatchObject({ key: `put/${index}`, bytes: bytes!.length, etag });
      expect((await store().get(`put/${index}`))!.info).toEqual(info);
      expect(info!.modifiedMs).toBeGreaterThan(1e12);
    }
  });

  test('a put replaces, unless the object must not be there', async () => {
    const first = await store().put('replace/a', Buffer.from('first'), { ...TEXT, ifNoneMatch: true });
    expect(first.alreadyThere).toBe(false);
    const kept = await store().put('replace/a', Buffer.from('second'), { ...TEXT, ifNoneMatch: true });
    expect(kept.alreadyThere).toBe(true);
    expect(String(await bytesOf(store(), 'replace/a'))).toBe('first');
    const second = await store().put('replace/a', Buffer.from('second'), TEXT);
    expect(second.alreadyThere).toBe(false);
    expect(second.etag).not.toBe(first.etag);
    expect(String(await bytesOf(store(), 'replace/a'))).toBe('second');
  });

  test('of many that must be the first, one is, large or small', async () => {
    for (const size of [10, 6 * MIB]) {
      const bodies = Array.from({ length: 5 }, () => randomBytes(size));
      const key = `race/${size}`;
      const results = await Promise.all(bodies.map((body) => store().put(key, body, { ...TEXT, ifNoneMatch: true })));
      const winners = results.flatMap(({ alreadyThere }, index) => (alreadyThere ? [] : [index]));
      expect(winners).toHaveLength(1);
      expect(same(bodies[winners[0]!]!, await bytesOf(store(), key))).toBe(true);
    }
    expect(await all(store().listMultiparts('race/'))).toEqual([]);
  });

  test('what is deleted is gone, and what is not there is undefined', async () => {
    await store().put('delete/a', Buffer.from('x'), TEXT);
    await store().delete('delete/a');
    await store().delete('delete/a');
    expect(await store().head('delete/a')).toBeUndefined();
    expect(await store().get('delete/a')).toBeUndefined();
    expect(await store().get('delete')).toBeUndefined();
    await store().put('delete/b', Buffer.from('x'), TEXT);
    expect(await store().head('delete/b/below')).toBeUndefined();
    expect(await store().get('delete/b/below')).toBeUndefined();
    await store().delete('delete/b/below');
    await store().delete('delete/b');
    expect(await keysOf(store(), 'delete/')).toEqual([]);
  });

  test('a read may be left early', async () => {
    await store().put('early', randomBytes(3 * MIB), TEXT);
    for (let i = 0; i < 40; i++)
      for await (const piece of (await store().get('early'))!.body) {
        expect(piece.length).toBeGreaterThan(0);
        break;
      }
    expect(await store().head('early')).toBeDefined();
  });
}

/** Keys that a query, a path, XML or a sort could get wrong. */
const ODD_KEYS = [
  'odd/a',
  'odd/a b',
  'odd/a+b',
  'odd/a&b<c>"d\'e',
  'odd/a%2Fb',
  'odd/a%',
  'odd/a-b',
  'odd/a.b',
  'odd/a0',
  'odd/é',
  'odd/日本',
  'odd/😀',
  'odd/\uffee',
  "odd/~!$()*,;=@:[]{}|^`#?'",
  'odd/year=2026/month=07/x',
  'odd/b/c/d/e',
  'odd/b-/x',
  'odd/b0/x',
];

function listing(store: () => ObjectStore): void {
  test('lists in the order of the bytes of keys, by any prefix, odd keys too', async () => {
    for (const key of ODD_KEYS) await store().put(key, Buffer.from(key), TEXT);
    const sorted = ODD_KEYS.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(await keysOf(store(), 'odd/')).toEqual(sorted);
    for (const prefix of [
      'odd/a',
      'odd/a ',
      'odd/b',
      'odd/b/',
      'odd/b/c/d',
      'odd/year=2026/m',
      'odd/😀',
      'odd/none',
      'od',
    ])
      expect(await keysOf(store(), prefix), prefix).toEqual(sorted.filter((key) => key.startsWith(prefix)));
    for (const key of ODD_KEYS) expect(String(await bytesOf(store(), key)), key).toBe(key);
    for (const key of ODD_KEYS) await store().delete(key);
    expect(await keysOf(store(), 'odd/')).toEqual([]);
  });

  test('lists more than one page, and says of each what head says', async () => {
    const keys = Array.from({ length: 1005 }, (_, i) => `many/${String(i).padStart(4, '0')}`);
    for (let i = 0; i < keys.length; i += 50)
      await Promise.all(keys.slice(i, i + 50).map((key) => store().put(key, Buffer.from(key), TEXT)));
    const listed: ListedObject[] = await all(store().list('many/'));
    expect(listed.map(({ key }) => key)).toEqual(keys);
    const { key, bytes, etag } = listed[500]!;
    expect(await store().head(key)).toMatchObject({ key, bytes, etag });
  });
}

function uploading(store: () => ObjectStore, openAgain: () => ObjectStore): void {
  test('parts become an object when complete, and not before, in any order of uploading', async () => {
    const bodies = [randomBytes(5 * MIB), randomBytes(5 * MIB + 7), randomBytes(11)];
    const upload = await store().createMultipart('parts/a', TEXT);
    const parts = [];
    for (const number of [3, 1, 2]) parts.push(await store().uploadPart(upload, number, bodies[number - 1]!));
    // The same part again takes the place of the first.
    parts[1] = await store().uploadPart(upload, 1, (bodies[0] = randomBytes(5 * MIB)));
    expect(await store().head('parts/a')).toBeUndefined();
    expect(await keysOf(store(), 'parts/')).toEqual([]);
    const listed: ListedMultipart[] = await all(store().listMultiparts('parts/'));
    expect(listed).toEqual([{ ...upload, startedMs: expect.any(Number) }]);
    expect(await all(store().listMultiparts('other/'))).toEqual([]);
    parts.sort((a, b) => a.number - b.number);
    const { etag, alreadyThere } = await store().completeMultipart(upload, parts);
    expect(alreadyThere).toBe(false);
    expect(await store().head('parts/a')).toMatchObject({ etag, bytes: 10 * MIB + 18 });
    expect(same(bodies, await bytesOf(store(), 'parts/a'))).toBe(true);
    expect(await all(store().listMultiparts('parts/'))).toEqual([]);
  });

  test('an upload can be found and aborted by another process, and then it is gone', async () => {
    const upload = await store().createMultipart('left/a b', TEXT);
    const part = await store().uploadPart(upload, 1, Buffer.from('x'));
    const other = openAgain();
    const found = await all(other.listMultiparts('left/'));
    expect(found).toMatchObject([upload]);
    await other.abortMultipart(found[0]!);
    await other.abortMultipart(found[0]!);
    await other.close();
    expect(await all(store().listMultiparts('left/'))).toEqual([]);
    expect(await codeOf(store().uploadPart(upload, 2, Buffer.from('y')))).toBe('STORE_REFUSED');
    expect(await codeOf(store().completeMultipart(upload, [part]))).toBe('STORE_REFUSED');
    expect(await store().head('left/a b')).toBeUndefined();
  });

  test('refuses to complete with a part that is not the one uploaded, and leaves what is there', async () => {
    const upload = await store().createMultipart('wrong', TEXT);
    const part = await store().uploadPart(upload, 1, Buffer.from('x'));
    const other = await store().uploadPart(upload, 2, Buffer.from('y'));
    expect(await codeOf(store().completeMultipart(upload, [{ ...part, etag: other.etag }]))).toBe('STORE_REFUSED');
    expect(await codeOf(store().completeMultipart(upload, [{ ...part, number: 7 }]))).toBe('STORE_REFUSED');
    await store().put('wrong', Buffer.from('there'), TEXT);
    const result = await store().completeMultipart(upload, [part], { ifNoneMatch: true });
    expect(result.alreadyThere).toBe(true);
    expect(String(await bytesOf(store(), 'wrong'))).toBe('there');
    expect(await all(store().listMultiparts('wrong'))).toEqual([]);
  });
}

function refusing(store: () => ObjectStore): void {
  test.each([
    '',
    '/',
    '/a',
    'a/',
    'a//b',
    '.',
    '..',
    '../a',
    'a/../b',
    'a/./b',
    'a/..',
    'a\\b',
    'a\nb',
    'a\0b',
    '\ud800',
    'x'.repeat(1025),
    `a/${'x'.repeat(256)}`,
    'é'.repeat(128),
    '.millrace-tmp',
    '.millrace-tmp/a',
  ])('refuses the key %j everywhere', async (key) => {
    const upload = { key, uploadId: 'a' };
    for (const call of [
      () => store().put(key, Buffer.from('x'), TEXT),
      () => store().get(key),
      () => store().head(key),
      () => store().delete(key),
      () => store().createMultipart(key, TEXT),
      () => store().uploadPart(upload, 1, Buffer.from('x')),
      () => store().completeMultipart(upload, []),
      () => store().abortMultipart(upload),
    ])
      expect(await codeOf(call())).toBe('STORE_KEY_INVALID');
  });

  test('an aborted call fails with the reason of its signal', async () => {
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    for (const call of [
      () => store().put('aborted', Buffer.from('x'), { ...TEXT, signal }),
      () => store().get('aborted', { signal }),
      () => store().head('aborted', { signal }),
      () => all(store().list('aborted', { signal })),
      () => store().createMultipart('aborted', { ...TEXT, signal }),
    ])
      await expect(call()).rejects.toBe(reason);
    expect(await store().head('aborted')).toBeUndefined();
  });
}
