import {
  AuthenticationError,
  MultipleErrors,
  NetworkError,
  ResponseError,
  TimeoutError,
  UserError,
} from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { kafkaSinkField } from '../../../src/config/sinks/kafka.js';
import { failureText, readFailure } from '../../../src/deliver/sinks/kafka/failure.js';

const PRODUCE = 0;

/** What the client throws for the answer of one broker: error codes by partition. */
function answered(codes: Record<number, number>): ResponseError {
  const partitionResponses = Object.entries(codes).map(([index, errorCode]) => ({ index: Number(index), errorCode }));
  const errors = partitionResponses.flatMap(({ index, errorCode }): [string, [number, string | null]][] =>
    errorCode === 0 ? [] : [[`/responses/0/partition_responses/${index}`, [errorCode, null]]],
  );
  return new ResponseError(PRODUCE, 11, Object.fromEntries(errors), { responses: [{ name: 't', partitionResponses }] });
}

/** What it throws for a send: what other brokers took is beside it. */
function sent(errors: Error[], offsets: number[] = []): Error {
  const produced = { offsets: offsets.map((partition) => ({ topic: 't', partition, offset: 0n })) };
  return Object.assign(new MultipleErrors('Producing messages failed.', errors), { produced });
}

const refusedConnection = new NetworkError('Connection to b:9092 failed.', {
  cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
});

test.each([
  ['no answer', sent([refusedConnection]), [], [], true],
  ['no answer, while another broker took its part', sent([refusedConnection], [2, 5]), [2, 5], [], true],
  [
    'attempts without an answer',
    sent([new MultipleErrors('3 times', [refusedConnection, refusedConnection])]),
    [],
    [],
    true,
  ],
  ['no leader in any partition', sent([answered({ 0: 6, 1: 6 })]), [], [], true],
  ['a part taken, a part without leader', sent([answered({ 0: 0, 1: 6 })]), [0], [], false],
  ['a batch too large', sent([answered({ 1: 10 })]), [], [1], false],
  ['a batch too large, others taken', sent([answered({ 0: 0, 1: 10, 2: 87 })], [7]), [0, 7], [1, 2], false],
  ['no right', sent([answered({ 0: 29 })]), [], [], false],
  ['numbers out of order', sent([answered({ 0: 45 })]), [], [], false],
  [
    'too slow an answer: the connection is of no more use',
    sent([new TimeoutError('Request timed out')]),
    [],
    [],
    false,
  ],
  ['what the client did not say', new Error('no answer within 5 ms'), [], [], false],
  ['an end of the client', sent([new Error('Connection pool is closed.')]), [], [], false],
])('%s', (_name, error, taken, refused, isRepeatable) => {
  const failure = readFailure(error);
  expect([...failure.taken].toSorted()).toEqual(taken);
  expect([...failure.refused.keys()]).toEqual(refused);
  expect(failure.isRepeatable).toBe(isRepeatable);
  expect(failure.text).not.toBe('');
});

test('texts say what the operator can do', () => {
  expect(failureText(sent([refusedConnection, refusedConnection]))).toBe('connect ECONNREFUSED');
  expect(failureText(new UserError('Unknown topic clicks.'))).toBe(
    'Unknown topic clicks.: make the topic, or let `setUp` make it',
  );
  expect(failureText(sent([answered({ 0: 29 })]))).toMatch(/^TOPIC_AUTHORIZATION_FAILED: .*the rows wait until/);
  expect(failureText(new AuthenticationError('SASL authentication failed.'))).toMatch(/until `sasl` is mended$/);
});

test.each([
  [{ brokers: 'kafka' }, /expected a broker such as/],
  [{ brokers: [] }, /./],
  [{ brokers: ['a:0'] }, /./],
  [{ topic: 'a b' }, /expected a name/],
  [{ topic: '..' }, /expected a name/],
  [{ compression: 'zstd' }, /expected 'none' or 'gzip'/],
  [{ sasl: { mechanism: 'gssapi', user: 'u', password: 'p' } }, /expected one of plain/],
  [{ setUp: { partitions: 0 } }, /whole number/],
])('settings %j are refused', (rest, says) => {
  const { error } = kafkaSinkField.safeParse({ type: 'kafka', brokers: 'b:9092', topic: 't', ...rest });
  expect(JSON.stringify(error?.issues)).toMatch(says);
});

test('brokers are names or addresses, with ports', () => {
  const { brokers } = kafkaSinkField.parse({
    type: 'kafka',
    brokers: ['b-1.example.com:9092', '[::1]:19092'],
    topic: 't',
  });
  expect(brokers).toEqual([
    { host: 'b-1.example.com', port: 9092 },
    { host: '::1', port: 19092 },
  ]);
});
