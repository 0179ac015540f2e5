/** Why a signed request is refused, in our words and in AWS's. */

/** Our reasons. `mismatch` is also a credential scope or signed header that can't be right. */
export type VerifyFailureReason = 'missing' | 'incomplete' | 'unknownKey' | 'expired' | 'mismatch';

/** A refusal, ready to be answered. */
export interface VerifyFailure {
  readonly ok: false;
  readonly reason: VerifyFailureReason;
  /** AWS's name of it: goes into `__type`. */
  readonly awsName: string;
  /** In AWS's words, where clients may look for them. */
  readonly message: string;
}

/** AWS's names. The JSON protocols answer each with status 400. */
const AWS_NAMES: Readonly<Record<VerifyFailureReason, string>> = {
  missing: 'MissingAuthenticationTokenException',
  incomplete: 'IncompleteSignatureException',
  unknownKey: 'UnrecognizedClientException',
  expired: 'InvalidSignatureException',
  mismatch: 'InvalidSignatureException',
};

/** Makes a refusal. */
export function failed(reason: VerifyFailureReason, message: string): VerifyFailure {
  return { ok: false, reason, awsName: AWS_NAMES[reason], message };
}
