/**
 * AWS access keys: who may speak the Firehose API, by key id.
 *
 * Signature Version 4 proves that the sender has the secret by an HMAC over the request, so who
 * verifies must have the secret itself: a hash of it would not do. It is therefore taken from the
 * environment (`{ env: 'NAME' }`); one that stands in clear is a demo key like any other, and refuses a
 * public host. Secrets are in no message.
 */
import { MillraceError } from '../util/errors.js';
import type { Principal } from './tenants.js';

/** One access key as it is declared. */
export interface AccessKeyInput {
  /** As `AWS_ACCESS_KEY_ID`. */
  readonly id: string;
  /** As `AWS_SECRET_ACCESS_KEY`: in clear, or the name of an environment variable. */
  readonly secret: string | { readonly env: string };
  /** For people: shown in messages instead of the id. */
  readonly name?: string;
}

/** An access key, ready to verify with. Never print it. */
export interface AccessKey {
  readonly secret: string;
  readonly principal: Principal;
}

/** What a key id may look like: `/` separates it in a signature, so it has none. */
export const ACCESS_KEY_ID = /^[A-Za-z0-9_-]{8,128}$/;

/** What a key id looks like, for messages. */
export const ACCESS_KEY_ID_EXAMPLE = 'an id of 8 to 128 letters, digits, _ and -; `millrace key --access` makes one';

/** Shortest secret. */
const SECRET_MIN = 16;

/** What is wrong with a declared secret, as far as it can be said without the environment; null when nothing is. */
export function accessSecretMistake(secret: unknown): string | null {
  if (typeof secret === 'string')
    return secret.length >= SECRET_MIN ? null : `expected a secret of at least ${SECRET_MIN} characters`;
  const { env, ...others } = (typeof secret === 'object' && secret !== null ? secret : {}) as Record<string, unknown>;
  if (typeof env === 'string' && env !== '' && Object.keys(others).length === 0) return null;
  return "expected { env: 'NAME' } to take it from the environment, or a demo secret in clear";
}

/** The secret itself. Throws CONFIG_INVALID, with `place`, when it is not there or too short. */
export function accessSecret(
  secret: AccessKeyInput['secret'],
  environment: Readonly<Record<string, string | undefined>>,
  place: string,
): string {
  const mistake = accessSecretMistake(secret);
  if (mistake !== null) throw new MillraceError('CONFIG_INVALID', `${place}: ${mistake}`, { place });
  if (typeof secret === 'string') return secret;
  const text = environment[secret.env] ?? '';
  if (text.length >= SECRET_MIN) return text;
  throw new MillraceError(
    'CONFIG_INVALID',
    `${place}: expected the environment to have ${secret.env}, a secret of at least ${SECRET_MIN} characters`,
    { place },
  );
}
