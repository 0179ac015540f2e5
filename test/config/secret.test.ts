import { expect, test } from 'vitest';
import { z } from 'zod';
import { secret } from '../../src/config/fields.js';
import { mistakesOf } from '../../src/config/issues.js';

const field = z.strictObject({
  key: secret('A key', (text) => (text.length < 8 ? 'expected at least 8 characters' : null)),
  other: secret('Another').optional(),
});

function mistakes(input: unknown): string[] {
  const { error } = field.safeParse(input);
  return error === undefined
    ? []
    : mistakesOf(error.issues, input, () => []).map(({ path, message }) => `${path}: ${message}`);
}

test('a secret is a text, or comes from the environment', () => {
  process.env['MILLRACE_TEST_SECRET'] = 'from outside';
  expect(field.parse({ key: 'written here' })).toEqual({ key: 'written here' });
  expect(field.parse({ key: { env: 'MILLRACE_TEST_SECRET' } })).toEqual({ key: 'from outside' });
  delete process.env['MILLRACE_TEST_SECRET'];
});

test('a mistake in what holds a secret names only what is there', () => {
  const holder = z.strictObject({
    auth: field.partial().refine(({ other }) => other === undefined, { error: 'expected no other' }),
  });
  const input = { auth: { key: 'hunter2 hunter2', other: 'hunter2' } };
  const { error } = holder.safeParse(input);
  expect(mistakesOf(error!.issues, input, () => [])).toEqual([
    { path: 'auth', message: 'expected no other, found { key, other }' },
  ]);
});

test('a mistake says what was expected, and never what was found', () => {
  expect(mistakes({})).toEqual([
    "key: expected a text that is not empty, or { env: 'NAME' } to take it from the environment",
  ]);
  expect(mistakes({ key: 'hunter2' })).toEqual(['key: expected at least 8 characters']);
  for (const wrong of [12_345_678, '', ['hunter2'], { env: '' }, { env: 'X', text: 'hunter2' }])
    expect(mistakes({ key: wrong }).join()).toMatch(/^key: expected a text that is not empty, or \{ env: 'NAME' \}/);
  expect(mistakes({ key: { env: 'MILLRACE_TEST_UNSET' } })).toEqual([
    'key: expected the environment to have MILLRACE_TEST_UNSET',
  ]);
});
