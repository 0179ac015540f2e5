import { createHash } from 'node:crypto';
import { Sha256Node } from '@smithy/core/checksum';
import { HttpRequest } from '@smithy/core/protocols';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalHeaderValue,
  canonicalRequest,
  formatAmzDate,
  hashBody,
  percentEncode,
  signature,
  type Headers,
} from '../../../src/io/sigv4/canonical.js';
import { signRequest, type RequestToSign } from '../../../src/io/sigv4/sign.js';
import { deriveSigningKey, SigningKeyCache } from '../../../src/io/sigv4/signing-key.js';
import { SKEW_MS, verifyRequest, type RequestToVerify, type VerifyOptions } from '../../../src/io/sigv4/verify.js';
import { VECTORS } from './vectors.js';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const nowMs = Date.parse('2015-08-30T12:36:00Z');
const scope = { date: '20150830', region: 'us-east-1', service: 'service' };
const secretOf = (id: string): string | undefined =>
  id === credentials.accessKeyId ? credentials.secretAccessKey : undefined;

function options(more: Partial<VerifyOptions> = {}): VerifyOptions {
  return { secretOf, service: 'service', keys: new SigningKeyCache(), nowMs, ...more };
}

/** A request signed by us, as a server gets it. */
function signed(request: Partial<RequestToSign> = {}, more: { service?: string } = {}): RequestToVerify {
  const whole = { method: 'POST', origin: 'https://example.com', target: '/', ...request };
  const headers = signRequest(whole, {
    credentials,
    region: 'us-east-1',
    service: 'service',
    keys: new SigningKeyCache(),
    nowMs,
    ...more,
  });
  return { ...whole, headers, body: whole.body === undefined || whole.body === 'unsigned' ? [] : whole.body };
}

function with_(request: RequestToVerify, headers: Headers): RequestToVerify {
  return { ...request, headers: { ...request.headers, ...headers } };
}

describe('what AWS published', () => {
  test.each(VECTORS)('%s', (_name, method, target, more, expected) => {
    const headers: Headers = { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z', ...more };
    const authorization = `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${Object.keys(headers).toSorted().join(';')}, Signature=${expected}`;
    const request = { method, target, headers: { ...headers, authorization }, body: [] };
    expect(verifyRequest(request, options())).toEqual({ ok: true, accessKeyId: 'AKIDEXAMPLE', region: 'us-east-1' });
  });

  test('post-x-www-form-urlencoded', () => {
    const headers = {
      host: 'example.amazonaws.com',
      'x-amz-date': '20150830T123600Z',
      'content-type': 'application/x-www-form-urlencoded',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    };
    const request = { method: 'POST', target: '/', headers, body: Buffer.from('Param1=value1') };
    expect(verifyRequest(request, options())).toMatchObject({ ok: true });
    expect(verifyRequest({ ...request, body: Buffer.from('Param1=value2') }, options())).toMatchObject({ ok: false });
  });

  test('the example of the user guide, and its signing key', () => {
    const headers = {
      host: 'iam.amazonaws.com',
      'x-amz-date': '20150830T123600Z',
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    };
    const request = { method: 'GET', target: '/?Action=ListUsers&Version=2010-05-08', headers, body: [] };
    expect(verifyRequest(request, options({ service: 'iam' }))).toMatchObject({ ok: true });
    expect(deriveSigningKey(credentials.secretAccessKey, { ...scope, service: 'iam' }).toString('hex')).toBe(
      'c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9',
    );
  });
});

const text = fc.string({ unit: 'grapheme', maxLength: 8 });
const odd = fc.constantFrom('', '.', '..', 'a b', 'a+b', "!'()*", '%', '%2F', 'é', '~', 'a=b&c', ':@$,;');
const segment = fc.oneof(odd, text);
const queryNames = fc.oneof(fc.constantFrom('a', 'a-b', 'a b', 'A', 'acl', 'prefix'), text);
const query = fc.dictionary(queryNames, fc.array(fc.oneof(odd, text), { minLength: 1, maxLength: 3 }), {
  maxKeys: 5,
  noNullPrototype: true,
});
const headerNames = ['Content-Type', 'x-amz-target', 'X-Custom', 'x-a', 'x-a-b', 'User-Agent', 'Proxy-X', 'Expect'];
const headerValue = fc.string({
  unit: fc.constantFrom('a', 'B', '7', ' ', '\t', ',', '"', ';', '='),
  maxLength: 12,
});
const anyRequest = fc.record({
  method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE'),
  path: fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.map(percentEncode).join('/')}`),
  query,
  headers: fc.dictionary(fc.constantFrom(...headerNames), headerValue, { noNullPrototype: true }),
  body: fc.uint8Array({ maxLength: 64 }),
  timeMs: fc.integer({ min: 0, max: 4e12 }),
  sessionToken: fc.option(fc.constant('token/+='), { nil: undefined }),
  service: fc.constantFrom('s3', 'firehose'),
});

type AnyRequest = typeof anyRequest extends fc.Arbitrary<infer T> ? T : never;

/** The request target; the order of the query is another one than the canonical. */
function targetOf({ path, query: named }: AnyRequest): string {
  const pairs = Object.entries(named).flatMap(([name, values]) =>
    values.map((value) => `${percentEncode(name)}=${percentEncode(value)}`),
  );
  return pairs.length === 0 ? path : `${path}?${pairs.toReversed().join('&')}`;
}

function sign(one: AnyRequest): { request: RequestToSign; headers: Record<string, string> } {
  const { sessionToken, service } = one;
  const request = { ...one, origin: 'https://store.example.com:8443', target: targetOf(one) };
  const headers = signRequest(request, {
    credentials: { ...credentials, ...(sessionToken === undefined ? {} : { sessionToken }) },
    region: 'eu-west-1',
    service,
    pathEncoding: service === 's3' ? 'single' : 'double',
    keys: new SigningKeyCache(),
    nowMs: one.timeMs,
  });
  return { request, headers };
}

describe('our signature', () => {
  test("is the SDK's, for any request", async () => {
    await fc.assert(
      fc.asyncProperty(anyRequest, async (one) => {
        const { sessionToken, service } = one;
        const signer = new SignatureV4({
          credentials: { ...credentials, ...(sessionToken === undefined ? {} : { sessionToken }) },
          region: 'eu-west-1',
          service,
          sha256: Sha256Node,
          uriEscapePath: service !== 's3',
        });
        const theirs = await signer.sign(
          new HttpRequest({
            method: one.method,
            path: one.path,
            query: one.query,
            headers: { host: 'store.example.com:8443', ...one.headers },
            body: one.body,
          }),
          { signingDate: new Date(one.timeMs) },
        );
        expect(sign(one).headers['authorization']).toBe(theirs.headers['authorization']);
      }),
      { numRuns: 500 },
    );
  });

  test('is the same whether a body comes whole or in pieces', () => {
    const whole = signed({ body: Buffer.from('one two') });
    const pieces = signed({ body: [Buffer.from('one '), Buffer.from('two')] });
    expect(pieces.headers).toEqual(whole.headers);
  });

  test('leaves a body out only over https', () => {
    const { headers } = signed({ body: 'unsigned' });
    expect(headers['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD');
    expect(() => signed({ body: 'unsigned', origin: 'http://example.com' })).toThrow(/only be sent over https/);
    // Nor do we take one.
    expect(verifyRequest(signed({ body: 'unsigned' }), options())).toMatchObject({ reason: 'mismatch' });
  });
});

/** Another letter or digit in the place of one: no two of them mean the same anywhere. */
function flip(value: string, at: number): string {
  const places = [...value].flatMap((character, index) => (/[A-Za-z0-9]/.test(character) ? [index] : []));
  const place = places[at % places.length];
  if (place === undefined) return `${value}x`;
  return `${value.slice(0, place)}${value[place] === 'q' ? 'r' : 'q'}${value.slice(place + 1)}`;
}

describe('verification', () => {
  test('takes what was signed, and nothing that was changed', () => {
    fc.assert(
      fc.property(anyRequest, fc.nat(), fc.integer({ min: 0, max: 6 }), (one, at, what) => {
        const { request, headers } = sign(one);
        const { method, target } = request;
        const incoming: RequestToVerify = { method, target, headers, body: one.body };
        const verify = (changed: RequestToVerify) =>
          verifyRequest(
            changed,
            options({
              service: one.service,
              pathEncoding: one.service === 's3' ? 'single' : 'double',
              nowMs: one.timeMs,
            }),
          );
        expect(verify(incoming)).toEqual({ ok: true, accessKeyId: 'AKIDEXAMPLE', region: 'eu-west-1' });

        const bytes = Uint8Array.from(one.body.length === 0 ? [0] : one.body);
        bytes[at % bytes.length]! ^= 1 << (at % 8);
        const [path, search] = target.split('?', 2);
        const changes: (() => RequestToVerify)[] = [
          () => ({ ...incoming, body: one.body.length === 0 ? new Uint8Array(1) : bytes }),
          () => ({ ...incoming, target: `${path}/qq${search === undefined ? '' : `?${search}`}` }),
          () => ({ ...incoming, target: `${path}?${search === undefined ? 'q=1' : `${search}&q=1`}` }),
          () => with_(incoming, { host: flip(headers['host']!, at) }),
          () => with_(incoming, { 'x-amz-date': formatAmzDate(one.timeMs + 1000) }),
          () => with_(incoming, { 'x-amz-content-sha256': createHash('sha256').update('other').digest('hex') }),
          () => with_(incoming, { authorization: headers['authorization']!.replace(/.$/, (end) => flip(end, 0)) }),
        ];
        expect(verify(changes[what]!())).toMatchObject({ ok: false });
      }),
      { numRuns: 500 },
    );
  });

  test('notices one changed letter in path, query and each signed header', () => {
    const request = signed({
      target: '/streams/acme?name=value',
      headers: { 'x-amz-target': 'Firehose_20150804.PutRecord', 'content-type': 'application/x-amz-json-1.1' },
    });
    expect(verifyRequest(request, options())).toMatchObject({ ok: true });
    for (let at = 0; at < 20; at += 1) {
      expect(verifyRequest({ ...request, target: flip(request.target, at) }, options())).toMatchObject({ ok: false });
      for (const name of ['host', 'x-amz-target', 'content-type', 'x-amz-content-sha256', 'x-amz-date']) {
        const changed = with_(request, { [name]: flip(request.headers[name] as string, at) });
        expect(verifyRequest(changed, options())).toMatchObject({ ok: false });
      }
    }
    expect(verifyRequest({ ...request, method: 'GET' }, options())).toMatchObject({ ok: false });
  });

  test("says why it refuses, with AWS's names", () => {
    const request = signed({ headers: { 'x-amz-target': 'Firehose_20150804.PutRecord' } });
    const authorization = request.headers['authorization'] as string;
    const reason = (changed: Headers, more: Partial<VerifyOptions> = {}) => {
      const answer = verifyRequest(with_(request, changed), options(more));
      return answer.ok ? 'ok' : `${answer.reason} ${answer.awsName}`;
    };
    const edit = (from: string | RegExp, to: string) => ({ authorization: authorization.replace(from, to) });
    expect(reason({})).toBe('ok');
    expect(reason({ authorization: undefined })).toBe('missing MissingAuthenticationTokenException');
    const incomplete = 'incomplete IncompleteSignatureException';
    for (const changed of [
      { authorization: 'Bearer x' },
      { authorization: 'AWS4-HMAC-SHA256 ' },
      { authorization: 'AWS4-HMAC-SHA256 Credential' },
      edit(/, Signature=.*/, ''),
      edit(/, SignedHeaders=[^,]*/, ''),
      edit('/aws4_request', ''),
      edit('Signature=', 'Signature=z'),
      edit('host;', 'host;host;'),
      edit('host;', 'Host;'),
      { 'x-amz-date': undefined },
      { 'x-amz-date': 'Sun, 30 Aug 2015 12:36:00 GMT' },
      { 'x-amz-date': ['20150830T123600Z', '20150830T123600Z'] },
      { 'x-amz-date': '20151330T123600Z' },
    ])
      expect(reason(changed), JSON.stringify(changed)).toBe(incomplete);
    expect(reason(edit('AKIDEXAMPLE', 'AKIDOTHER'))).toBe('unknownKey UnrecognizedClientException');
    const mismatch = 'mismatch InvalidSignatureException';
    for (const changed of [
      edit('/us-east-1/', '/eu-west-1/'),
      edit('/aws4_request', '/aws5_request'),
      edit('host;', 'host;constructor;'),
      edit('host;', '__proto__;host;'),
    ])
      expect(reason(changed), JSON.stringify(changed)).toBe(mismatch);
    expect(reason({}, { secretOf: () => 'another secret' })).toBe(mismatch);
    expect(reason({}, { region: 'eu-west-1' })).toBe(mismatch);
    expect(reason({}, { region: 'us-east-1' })).toBe('ok');
  });

  test('takes a date within 15 minutes of now, on both sides', () => {
    const request = signed();
    const at = (skewMs: number) => verifyRequest(request, options({ nowMs: nowMs + skewMs }));
    expect(at(SKEW_MS)).toMatchObject({ ok: true });
    expect(at(-SKEW_MS)).toMatchObject({ ok: true });
    expect(at(SKEW_MS + 1000)).toEqual({
      ok: false,
      reason: 'expired',
      awsName: 'InvalidSignatureException',
      message: 'Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)',
    });
    expect(at(-SKEW_MS - 1000)).toMatchObject({
      reason: 'expired',
      message:
        'Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T122059Z + 15 min.)',
    });
  });

  describe('with a right signature', () => {
    const body = Buffer.from('body');
    const usual: Headers = {
      host: 'example.com',
      'x-amz-content-sha256': hashBody(body),
      'x-amz-date': '20150830T123600Z',
      'x-amz-target': 'Firehose_20150804.PutRecord',
    };

    /** Signs as whoever has the secret could, against the rules; `-name` leaves a header out of what is signed. */
    function answer(
      headers: Headers = {},
      names: readonly string[] = [],
      more: Partial<typeof scope> = {},
      edit = (authorization: string) => authorization,
    ) {
      const all = { ...usual, ...headers };
      const kept = [...Object.keys(all), ...names]
        .filter((name) => !name.startsWith('-') && !names.includes(`-${name}`))
        .toSorted();
      const its = { ...scope, ...more };
      const canonical = canonicalRequest({
        method: 'PUT',
        target: '/',
        pathEncoding: 'double',
        headers: kept.map((name) => [name, canonicalHeaderValue(all[name] ?? '')] as const),
        payloadHash: hashBody(body),
      });
      const right = signature(deriveSigningKey(credentials.secretAccessKey, its), '20150830T123600Z', its, canonical);
      const authorization = `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/${its.date}/${its.region}/${its.service}/aws4_request,SignedHeaders=${kept.join(';')},Signature=${right.toString('hex')}`;
      const request = { method: 'PUT', target: '/', headers: { ...all, authorization: edit(authorization) }, body };
      const verified = verifyRequest(request, options());
      return verified.ok ? 'ok' : verified.reason;
    }

    test('the body must be the one that its header states', () => {
      expect(answer()).toBe('ok');
      for (const stated of ['UNSIGNED-PAYLOAD', hashBody([]), [hashBody(body), hashBody(body)]])
        expect(answer({ 'x-amz-content-sha256': stated })).toBe('mismatch');
    });

    test('host, date, and what changes the meaning must be signed', () => {
      expect(answer({ 'user-agent': 'x' }, ['-user-agent'])).toBe('ok');
      for (const name of Object.keys(usual)) expect(answer({}, [`-${name}`]), name).toBe('mismatch');
      expect(answer({ 'x-amz-security-token': 'x' }, ['-x-amz-security-token'])).toBe('mismatch');
    });

    test('what is signed must be there', () => {
      expect(answer({}, ['x-absent'])).toBe('mismatch');
    });

    test('the scope must be of the day and service', () => {
      expect(answer({}, [], { region: 'eu-west-1' })).toBe('ok');
      expect(answer({}, [], { date: '20150829' })).toBe('mismatch');
      expect(answer({}, [], { service: 's3' })).toBe('mismatch');
    });

    test('the header must be of this algorithm, and have each part once', () => {
      expect(answer({}, [], {}, (one) => one.replace('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA512'))).toBe('incomplete');
      expect(answer({}, [], {}, (one) => `${one},${/Credential=[^,]*/.exec(one)![0]}`)).toBe('incomplete');
    });
  });

  test('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (target, value) => {
        const request = with_({ ...signed(), target }, { authorization: `AWS4-HMAC-SHA256 ${value}` });
        expect(verifyRequest(request, options())).toMatchObject({ ok: false });
        expect(verifyRequest({ ...signed(), target: `/${target}` }, options())).toBeDefined();
      }),
    );
  });

  test('keeps no key for whoever has no secret', () => {
    const keys = new SigningKeyCache();
    const request = signed();
    const authorization = request.headers['authorization'] as string;
    verifyRequest(
      with_(request, { authorization: authorization.replace('AKIDEXAMPLE', 'AKIDOTHER') }),
      options({ keys }),
    );
    verifyRequest(with_(request, { authorization: authorization.replace('us-east-1', 'x') }), options({ keys }));
    expect(keys.size).toBe(0);
    verifyRequest(request, options({ keys }));
    expect(keys.size).toBe(1);
  });
});
