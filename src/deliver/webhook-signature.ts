/**
 * Signatures of Standard Webhooks (standardwebhooks.com), version 1:
 *
 *   webhook-id: <id>                   the same at every attempt: what a receiver deduplicates by
 *   webhook-timestamp: <seconds>       of the attempt: what a receiver refuses when it is old
 *   webhook-signature: v1,<base64> …   HMAC-SHA256 of `id.timestamp.body`, one a secret
 *
 * The body is signed before it is compressed, since that is what frameworks hand to a receiver's code.
 */
import { createHmac } from 'node:crypto';

/** The headers of one attempt; none without a secret, except the id. Secrets are `whsec_<base64>`. */
export function signatureHeaders(
  secrets: readonly string[],
  id: string,
  nowMs: number,
  body: Uint8Array,
): Record<string, string> {
  if (secrets.length === 0) return { 'webhook-id': id };
  const seconds = String(Math.floor(nowMs / 1000));
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': signatures.join(' ') };
}
