/**
 * `POST /v1/links`: signs a click link, for whoever may send events of its tenant.
 *
 * In: `{destination, link?, expires_at?, fields?, tenant?}` (`tenant` only with an operator's key;
 * `expires_at` in ms since 1970). Out: `{url}`. The link's own address is the one that the request
 * was made to, or `base`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { EVERY_TENANT } from '../../config/tenants.js';
import { MillraceError } from '../../util/errors.js';
import { answerJson, answerMethod } from '../http/answer.js';
import { readBody, type Budget } from '../http/body.js';
import type { CollectServices } from '../options.js';
import { signLink, type LinkInput } from '../tracking/links.js';

const BODY_BYTES_MAX = 64 * 1024;

/** Answers one request. Throws LINK_INVALID, TENANT_UNKNOWN, BODY_MALFORMED or why the key may not. */
export async function takeLinks(
  services: CollectServices,
  budget: Budget,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'POST') return answerMethod(request, response, 'POST');
  const principal = services.tenants.authenticate(request.headers.authorization, ['ingest']);
  const body = await readBody(request, BODY_BYTES_MAX, budget);
  let asked: ReturnType<typeof parse>;
  try {
    asked = parse(body.bytes);
  } finally {
    body.release();
  }
  const tenant = principal.tenant === EVERY_TENANT ? asked['tenant'] : principal.tenant;
  if (asked['tenant'] !== undefined && asked['tenant'] !== tenant)
    throw new MillraceError('KEY_FORBIDDEN', `this key signs links of '${String(tenant)}' only`, { place: 'tenant' });
  if (typeof tenant !== 'string' || services.tenants.directory.tenant(tenant) === undefined)
    throw new MillraceError('TENANT_UNKNOWN', "expected 'tenant' to name a tenant", { place: 'tenant' });
  const url = signLink(services.signingKeys, {
    ...linkOf(asked),
    tenant,
    base: text(asked, 'base') ?? `http://${request.headers.host ?? 'localhost'}`,
  });
  answerJson(response, 200, { url });
}

function linkOf(asked: Readonly<Record<string, unknown>>): Omit<LinkInput, 'base' | 'tenant'> {
  const destination = text(asked, 'destination');
  if (destination === undefined)
    throw new MillraceError('LINK_INVALID', "expected 'destination', an absolute http or https address", {
      place: 'destination',
    });
  const link = text(asked, 'link');
  const expiresAt = asked['expires_at'];
  if (expiresAt !== undefined && (typeof expiresAt !== 'number' || !Number.isFinite(expiresAt)))
    throw new MillraceError('LINK_INVALID', "expected 'expires_at' in milliseconds since 1970", {
      place: 'expires_at',
    });
  const fields = asked['fields'] ?? {};
  if (typeof fields !== 'object' || fields === null || Object.values(fields).some((value) => typeof value !== 'string'))
    throw new MillraceError('LINK_INVALID', "expected 'fields' to be an object of texts", { place: 'fields' });
  return {
    destination,
    fields: fields as Record<string, string>,
    ...(link === undefined ? {} : { link }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

function text(asked: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = asked[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'string')
    throw new MillraceError('LINK_INVALID', `expected '${name}' to be a text`, { place: name });
  return value;
}

function parse(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (cause) {
    throw new MillraceError('BODY_MALFORMED', `the body is not JSON: ${(cause as Error).message}`, {
      place: 'body',
      cause,
    });
  }
  throw new MillraceError('BODY_MALFORMED', "expected an object such as { destination: 'https://…' }", {
    place: 'body',
  });
}
