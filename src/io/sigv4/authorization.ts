/**
 * The `Authorization` header of AWS Signature Version 4.
 *
 * ```
 * AWS4-HMAC-SHA256 Credential=<key id>/<date>/<region>/<service>/aws4_request,
 *                  SignedHeaders=host;x-amz-date, Signature=<64 hex digits>
 * ```
 */
import { ALGORITHM, type CredentialScope } from './canonical.js';
import { failed, type VerifyFailure } from './failure.js';

/** The header, taken apart. */
export interface Authorization {
  readonly accessKeyId: string;
  readonly scope: CredentialScope;
  /** What the scope ends with; must be `aws4_request`. */
  readonly terminator: string;
  /** Names in lower case, each once, in the order in which they were signed. */
  readonly signedHeaders: readonly string[];
  /** 32 bytes. */
  readonly signature: Buffer;
}

const PARAMETERS = ['Credential', 'SignedHeaders', 'Signature'] as const;
/** An access key id has at most 128 characters. */
const CREDENTIAL = /^([^/\s]{1,128})\/(\d{8})\/([^/\s]{1,64})\/([^/\s]{1,64})\/([^/\s]{1,64})$/;
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/** Takes the header apart, or says what it lacks. */
export function parseAuthorization(value: string): Authorization | VerifyFailure {
  const space = value.indexOf(' ');
  if (space === -1 || value.slice(0, space) !== ALGORITHM)
    return failed('incomplete', `Authorization header requires the algorithm '${ALGORITHM}'.`);
  const parameters = new Map<string, string>();
  for (const part of value.slice(space + 1).split(',')) {
    const equals = part.indexOf('=');
    if (equals === -1)
      return failed('incomplete', 'Not a valid key=value pair (missing equal-sign) in Authorization header.');
    const name = part.slice(0, equals).trim();
    if (parameters.has(name)) return failed('incomplete', 'Authorization header has a parameter twice.');
    parameters.set(name, part.slice(equals + 1).trim());
  }
  const lacking = PARAMETERS.filter((name) => (parameters.get(name) ?? '') === '');
  if (lacking.length > 0)
    return failed('incomplete', lacking.map((name) => `Authorization header requires '${name}' parameter.`).join(' '));
  return partsOf(parameters);
}

function partsOf(parameters: ReadonlyMap<string, string>): Authorization | VerifyFailure {
  const credential = CREDENTIAL.exec(parameters.get('Credential')!);
  if (credential === null)
    return failed(
      'incomplete',
      'Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.',
    );
  const [, accessKeyId, date, region, service, terminator] = credential;
  const signedHeaders = parameters.get('SignedHeaders')!.split(';');
  if (!signedHeaders.every((name) => HEADER_NAME.test(name)) || new Set(signedHeaders).size < signedHeaders.length)
    return failed('incomplete', "'SignedHeaders' must be names of headers in lower case, each once.");
  const signature = parameters.get('Signature')!;
  if (!/^[0-9a-f]{64}$/.test(signature)) return failed('incomplete', "'Signature' must be 64 hexadecimal digits.");
  return {
    accessKeyId: accessKeyId!,
    scope: { date: date!, region: region!, service: service! },
    terminator: terminator!,
    signedHeaders,
    signature: Buffer.from(signature, 'hex'),
  };
}
