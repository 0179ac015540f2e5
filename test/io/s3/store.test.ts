import type { ServerResponse } from 'node:http';
import { Sha256Node } from '@smithy/core/checksum';
import { HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openS3Store } from '../../../src/io/s3/store.js';
import { systemRandom } from '../../../src/io/random.js';
import type { MillraceError } from '../../../src/util/errors.js';
import { all, bytesOf, codeOf } from '../../conformance/objects.js';
import { CREDENTIALS, Fixture, PatientClock, s3Error, type Answer } from './fixture.js';

const TEXT = { contentType: 'text/plain' };
const ONCE = { ...TEXT, ifNoneMatch: true };
const OK: Answer = [200, '', { etag: '"e"' }];
const MIB = 1024 * 1024;

let s3: Fixture;
beforeAll(async () => {
  s3 = await Fixture.start({ partBytes: 5 * MIB, partsAtOnce: 1, timeoutMs: 300 });
});
afterAll(async () => {
  expect(s3.unsigned).toEqual([]);
  await s3.end();
});

const put = (options = TEXT) => s3.store.put('a/b c', Buffer.from('body'), options);

describe('a request', () => {
  test('carries what S3 needs: checksum, type, encoding, condition, session', async () => {
    const temporary = await Fixture.start({ credentials: () => ({ ...CREDENTIALS, sessionToken: 'token' }) });
    temporary.script(OK);
    await temporary.store.put('a/b c', [Buffer.from('12345'), Buffer.from('6789')], {
      ...ONCE,
      contentEncoding: 'gzip',
    });
    const [{ method, target, headers, body }] = temporary.seen as [Fixture['seen'][number]];
    expect(`${method} ${target} ${String(body)}`).toBe('PUT /bucket/a/b%20c 123456789');
    expect(headers).toMatchObject({
      'content-type': 'text/plain',
      'content-encoding': 'gzip',
      'content-length': '9',
      'if-none-match': '*',
      // The check value of CRC-32C, 0xe3069283.
      'x-amz-checksum-crc32c': '4waSgw==',
      'x-amz-security-token': 'token',
    });
    expect(headers['transfer-encoding']).toBeUndefined();
    expect(temporary.unsigned).toEqual([]);
    await temporary.end();
  });
});

describe('over https', () => {
  let secure: Fixture;
  beforeAll(async () => {
    secure = await Fixture.startSecure();
  });
  afterAll(() => secure.end());

  test('a body is not hashed for the signature, which the SDK would make the same; its checksum is signed', async () => {
    secure.script(OK, [200, '', { 'content-length': '0', etag: '"e"' }]);
    await secure.store.put('a/b c', Buffer.from('123456789'), TEXT);
    await secure.store.head('a/b c');
    const [{ headers, target }, head] = secure.seen as [Fixture['seen'][number], Fixture['seen'][number]];
    expect(headers['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD');
    expect(headers.authorization).toContain('x-amz-checksum-crc32c');
    const signer = new SignatureV4({
      credentials: CREDENTIALS,
      region: 'eu-west-1',
      service: 's3',
      sha256: Sha256Node,
      uriEscapePath: false,
    });
    const { connection: _, ...sent } = headers;
    const theirs = await signer.sign(
      new HttpRequest({ method: 'PUT', path: target, headers: sent as Record<string, string> }),
      { signingDate: new Date(secure.clock.time) },
    );
    expect(headers.authorization).toBe(theirs.headers['authorization']);
    // Nothing to leave out: an empty body is signed.
    expect(head.headers['x-amz-content-sha256']).toMatch(/^e3b0c442/);
  });

  test('a certificate that nobody vouches for is no answer', async () => {
    const trusting = await Fixture.startSecure({ tls: {} });
    trusting.script(OK);
    await expect(trusting.store.put('a', Buffer.from('x'), TEXT)).rejects.toThrow(/self-signed certificate/);
    expect(trusting.seen).toEqual([]);
    await trusting.end();
  });
});

describe('what passes is tried again', () => {
  const cases: [string, Answer][] = [
    ['500', s3Error(500, 'InternalError')],
    ['502 without a document', [502, '<html>Bad gateway</html>']],
    ['503 SlowDown', s3Error(503, 'SlowDown')],
    ['429', s3Error(429, 'TooManyRequests')],
    ['400 RequestTimeout', s3Error(400, 'RequestTimeout')],
    ['400 BadDigest', s3Error(400, 'BadDigest')],
    ['409 in a race', s3Error(409, 'ConditionalRequestConflict')],
    ['403 with credentials that expired', s3Error(403, 'ExpiredToken')],
    ['a cut connection', 'drop'],
    ['silence', 'silence'],
    [
      'an answer cut in its body',
      (_, response) => void response.writeHead(200, { 'content-length': '9' }).write('x', () => response.destroy()),
    ],
    ['an answer without an etag', [200, '']],
  ];
  test.each(cases)('%s', async (_name, answer) => {
    s3.script(answer, OK);
    expect(await put()).toEqual({ etag: '"e"', alreadyThere: false });
    expect(s3.lines).toEqual(['PUT /bucket/a/b%20c', 'PUT /bucket/a/b%20c']);
    expect(s3.seen.map(({ body }) => String(body))).toEqual(['body', 'body']);
    s3.script(answer, answer, answer, answer, OK);
    expect(await codeOf(put())).toBe('STORE_UNAVAILABLE');
    expect(s3.seen).toHaveLength(4);
  });

  test('after a pause that doubles, by chance shorter, or as long as the server says', async () => {
    s3.script(s3Error(503, 'SlowDown'), s3Error(503, 'SlowDown'), s3Error(503, 'SlowDown', { 'retry-after': '7' }), OK);
    await put();
    const [first, second, asked] = s3.clock.pauses as [number, number, number];
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThanOrEqual(100);
    expect(second).toBeLessThanOrEqual(200);
    expect(asked).toBe(7000);
    s3.script(s3Error(503, 'SlowDown', { 'retry-after': '86400' }), OK);
    await put();
    expect(s3.clock.pauses).toEqual([10_000]);
  });

  test('a server whose clock is another is believed', async () => {
    const realMs = s3.clock.time;
    // The fixture verifies by its own clock, which is an hour ahead of the client's from here on.
    const ahead = new PatientClock();
    ahead.time = realMs - 3_600_000;
    const late = await Fixture.start({ clock: ahead });
    late.script(s3Error(403, 'RequestTimeTooSkewed', { date: new Date(realMs).toUTCString() }), OK, OK);
    await late.store.put('a', Buffer.from('x'), TEXT);
    await late.store.put('a', Buffer.from('x'), TEXT);
    expect(late.seen).toHaveLength(3);
    expect(late.unsigned).toEqual([expect.stringContaining('Signature expired')]);
    await late.end();
  });

  test('not once the caller has gone, or the store is closed', async () => {
    const leaving = new AbortController();
    s3.script((_, response) => {
      leaving.abort(new Error('gone'));
      response.writeHead(503).end();
    }, OK);
    await expect(put({ ...TEXT, signal: leaving.signal } as typeof TEXT)).rejects.toThrow('gone');
    expect(s3.seen).toHaveLength(1);
    const closing = await Fixture.start();
    closing.script(() => void closing.store.close(), OK);
    expect(await codeOf(closing.store.put('a', Buffer.from('x'), TEXT))).toBe('STORE_UNAVAILABLE');
    expect(closing.clock.pauses).toEqual([]);
    await closing.end();
  });
});

describe('what stays is told at once', () => {
  const refused: [number, string, string][] = [
    [403, 'AccessDenied', 'STORE_REFUSED'],
    [403, 'SignatureDoesNotMatch', 'STORE_REFUSED'],
    [403, 'InvalidAccessKeyId', 'STORE_REFUSED'],
    [404, 'NoSuchBucket', 'STORE_REFUSED'],
    [400, 'InvalidRequest', 'STORE_REFUSED'],
    [405, 'MethodNotAllowed', 'STORE_REFUSED'],
    [501, 'NotImplemented', 'STORE_REFUSED'],
    [400, 'KeyTooLongError', 'STORE_KEY_INVALID'],
  ];
  test.each(refused)('%d %s: %s', async (status, s3Code, code) => {
    s3.script(s3Error(status, s3Code), OK);
    const error = await put().then(
      () => undefined,
      (caught: MillraceError) => caught,
    );
    expect(error).toMatchObject({
      code,
      message: `S3 answered ${status} ${s3Code}: said ${s3Code}`,
      place: 'PUT s3://bucket/a/b c',
    });
    expect(s3.seen).toHaveLength(1);
  });

  test('a bucket of another region is named, and no redirect is followed', async () => {
    const headers = { 'x-amz-bucket-region': 'us-west-2', location: 'http://127.0.0.1:1/elsewhere' };
    s3.script([301, '', headers], OK);
    await expect(put()).rejects.toThrow('the bucket is in the region us-west-2');
    expect(s3.seen).toHaveLength(1);
  });

  test('a missing bucket is not a missing object', async () => {
    s3.script(s3Error(404, 'NoSuchKey'), s3Error(404, 'NoSuchBucket'), s3Error(404, 'NoSuchBucket'));
    expect(await s3.store.get('a')).toBeUndefined();
    expect(await codeOf(s3.store.get('a'))).toBe('STORE_REFUSED');
    expect(await codeOf(s3.store.delete('a'))).toBe('STORE_REFUSED');
  });

  test('what a server says is cut short and cleaned before people see it', async () => {
    s3.script([400, `<Error><Code>Bad&#27;[31m</Code><Message>${'x'.repeat(5000)}</Message></Error>`]);
    const error: Error = await put().then(
      () => new Error('done'),
      (caught: Error) => caught,
    );
    expect(error.message.length).toBeLessThan(500);
    expect(error.message).toContain('Bad [31m');
  });
});

describe('an answer that was lost', () => {
  test('of a put that must be the first: the object is there', async () => {
    s3.script('drop', s3Error(412, 'PreconditionFailed'));
    expect(await put(ONCE)).toEqual({ etag: '', alreadyThere: true });
    // Without the condition it is a mistake of the server.
    s3.script(s3Error(412, 'PreconditionFailed'));
    expect(await codeOf(put())).toBe('STORE_REFUSED');
  });

  const upload = { key: 'a', uploadId: 'u' };
  const parts = [{ number: 1, etag: '"p"', bytes: 4, checksum: 1 }];
  const gone = s3Error(404, 'NoSuchUpload');
  const headed = (bytes: number): Answer => [200, '', { 'content-length': String(bytes), etag: '"whole"' }];

  test('of a completion: the object is looked at', async () => {
    s3.script('drop', gone, headed(4));
    expect(await s3.store.completeMultipart(upload, parts)).toEqual({ etag: '"whole"', alreadyThere: false });
    expect(s3.lines).toEqual(['POST /bucket/a?uploadId=u', 'POST /bucket/a?uploadId=u', 'HEAD /bucket/a']);
    s3.script('drop', gone, headed(5));
    expect(await codeOf(s3.store.completeMultipart(upload, parts))).toBe('STORE_REFUSED');
    s3.script('drop', gone, [403, '']);
    expect(await codeOf(s3.store.completeMultipart(upload, parts))).toBe('STORE_REFUSED');
    // Gone at the first try: somebody else aborted it.
    s3.script(gone, headed(4));
    expect(await codeOf(s3.store.completeMultipart(upload, parts))).toBe('STORE_REFUSED');
    expect(s3.seen).toHaveLength(1);
  });

  test('a completion that fails with status 200 has failed', async () => {
    const error = '<?xml version="1.0"?>\n\n<Error><Code>InternalError</Code><Message>later</Message></Error>';
    const done = '<CompleteMultipartUploadResult><ETag>&quot;w&quot;</ETag></CompleteMultipartUploadResult>';
    s3.script([200, error], [200, done], headed(4));
    expect(await s3.store.completeMultipart(upload, parts)).toEqual({ etag: '"w"', alreadyThere: false });
    expect(s3.seen).toHaveLength(3);
    // Nor has one that was asked for twice, when there is nothing.
    s3.script('drop', [200, done], [404]);
    expect(await codeOf(s3.store.completeMultipart(upload, parts))).toBe('STORE_UNAVAILABLE');
    s3.script([200, done]);
    await s3.store.completeMultipart(upload, parts);
    expect(String(s3.seen[0]!.body)).toContain(
      '<Part><PartNumber>1</PartNumber><ETag>&#34;p&#34;</ETag><ChecksumCRC32C>AAAAAQ==</ChecksumCRC32C></Part>',
    );
  });
});

describe('a put in parts', () => {
  const created: Answer = [
    200,
    '<InitiateMultipartUploadResult><UploadId>u 1</UploadId></InitiateMultipartUploadResult>',
  ];
  const body = [Buffer.alloc(7 * MIB, 'a'), Buffer.alloc(4 * MIB, 'b')];

  test('is aborted when a part fails, and tells why', async () => {
    s3.script(created, OK, s3Error(403, 'AccessDenied'), [204]);
    await expect(s3.store.put('a', body, TEXT)).rejects.toThrow('AccessDenied');
    expect(s3.lines).toEqual([
      'POST /bucket/a?uploads=',
      'PUT /bucket/a?partNumber=1&uploadId=u%201',
      'PUT /bucket/a?partNumber=2&uploadId=u%201',
      'DELETE /bucket/a?uploadId=u%201',
    ]);
    expect(s3.seen.map((one) => one.body.length)).toEqual([0, 5 * MIB, 5 * MIB, 0]);
    // The abort fails too: the first error counts.
    s3.script(created, s3Error(403, 'AccessDenied'), s3Error(400, 'InvalidRequest'));
    await expect(s3.store.put('a', body, TEXT)).rejects.toThrow('AccessDenied');
  });

  test('is aborted when the caller goes', async () => {
    const leaving = new AbortController();
    s3.script(created, () => leaving.abort(new Error('gone')), [204]);
    await expect(s3.store.put('a', body, { ...TEXT, signal: leaving.signal })).rejects.toThrow('gone');
    expect(s3.lines.at(-1)).toBe('DELETE /bucket/a?uploadId=u%201');
  });

  test('is not begun when the object must not be there and is, and is when nobody may look', async () => {
    s3.script([200, '', { 'content-length': '4', etag: '"e"' }]);
    expect(await s3.store.put('a', body, ONCE)).toEqual({ etag: '', alreadyThere: true });
    expect(s3.lines).toEqual(['HEAD /bucket/a']);
    s3.script([403], created, OK, OK, OK, s3Error(412, 'PreconditionFailed'), [204]);
    expect(await s3.store.put('a', body, ONCE)).toEqual({ etag: '', alreadyThere: true });
    expect(s3.lines.slice(-2)).toEqual(['POST /bucket/a?uploadId=u%201', 'DELETE /bucket/a?uploadId=u%201']);
    expect(s3.seen.at(-2)!.headers['if-none-match']).toBe('*');
  });

  test('has no more parts under way than allowed', async () => {
    // Three wait for one another, and a little for a fourth that must not come.
    let most = 0;
    let came = 0;
    const waiting: ServerResponse[] = [];
    const part: Answer = (_, response) => {
      most = Math.max(most, waiting.push(response));
      if (++came % 3 !== 0 && came !== 7) return;
      setTimeout(() => {
        for (const one of waiting.splice(0)) one.writeHead(200, { etag: '"e"' }).end();
      }, 30);
    };
    const many = await Fixture.start({ partBytes: 5 * MIB, partsAtOnce: 3 });
    const done = '<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>';
    many.script(created, ...Array.from({ length: 7 }, () => part), [200, done]);
    await many.store.put('a', Buffer.alloc(35 * MIB), TEXT);
    expect(most).toBe(3);
    await many.end();
  });
});

describe('reading', () => {
  test('an object whose connection is cut ends with an error, not early', async () => {
    s3.script((_, response) => {
      response.writeHead(200, { 'content-length': '100', etag: '"e"' });
      response.write('begin', () => response.destroy());
    });
    expect(await codeOf(bytesOf(s3.store, 'a'))).toBe('STORE_UNAVAILABLE');
  });

  test('pages of lists follow one another', async () => {
    const page = (key: string, next: string) =>
      `<ListBucketResult>${next}<Contents><Key>${key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>"e"</ETag><Size>7</Size></Contents></ListBucketResult>`;
    s3.script(
      [200, page('a', '<IsTruncated>true</IsTruncated><NextContinuationToken>t+/=</NextContinuationToken>')],
      [200, page('b', '<IsTruncated>false</IsTruncated>')],
    );
    const listed = await all(s3.store.list('p q'));
    expect(listed).toEqual(
      ['a', 'b'].map((key) => ({ key, bytes: 7, etag: '"e"', modifiedMs: Date.UTC(2026, 0, 2, 3, 4, 5) })),
    );
    expect(s3.lines).toEqual([
      'GET /bucket?list-type=2&prefix=p%20q',
      'GET /bucket?list-type=2&prefix=p%20q&continuation-token=t%2B%2F%3D',
    ]);
    const uploads = (uploadId: string, next: string) =>
      `<ListMultipartUploadsResult>${next}<Upload><Key>k</Key><UploadId>${uploadId}</UploadId><Initiated>2026-01-02T03:04:05.000Z</Initiated></Upload></ListMultipartUploadsResult>`;
    s3.script(
      [
        200,
        uploads(
          '1',
          '<IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>1</NextUploadIdMarker>',
        ),
      ],
      [200, uploads('2', '')],
    );
    expect((await all(s3.store.listMultiparts(''))).map(({ uploadId }) => uploadId)).toEqual(['1', '2']);
    expect(s3.lines[1]).toBe('GET /bucket?uploads=&prefix=&key-marker=k&upload-id-marker=1');
  });

  test('a document that is another, or has no end, is no answer', async () => {
    const first = async () => {
      for await (const one of s3.store.list('')) return one;
    };
    for (const body of ['<html></html>', '', '<ListBucketResult>', `<a>${'x'.repeat(9 * MIB)}</a>`]) {
      s3.script([200, body], [200, body], [200, body], [200, body]);
      expect(await codeOf(first())).toBe('STORE_UNAVAILABLE');
    }
  });
});

describe('a bucket', () => {
  test('that can not be is refused at once', () => {
    const open = (input: object) =>
      openS3Store({
        bucket: 'bucket',
        region: 'eu-west-1',
        credentials: () => CREDENTIALS,
        clock: new PatientClock(),
        random: systemRandom,
        ...input,
      });
    for (const input of [
      { bucket: 'A' },
      { bucket: 'a/b' },
      { bucket: '../x' },
      { bucket: 'a..b' },
      { region: 'eu/west' },
      { region: '' },
      { endpoint: 'example.com' },
      { endpoint: 'ftp://example.com' },
      { endpoint: 'https://example.com/path' },
      { endpoint: 'https://user:pass@example.com' },
    ])
      expect(() => open(input), JSON.stringify(input)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.not.stringContaining('pass') }),
      );
  });
});
