/**
 * A route of the API: what it takes, what it answers, who may ask. The table of routes is also what
 * `/v1/openapi.json` is printed from, so the two can't differ.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal, Role } from '../config/tenants.js';
import { EVERY_TENANT } from '../config/tenants.js';
import { MillraceError } from '../util/errors.js';

/** A JSON schema, as OpenAPI 3.1 takes it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A parameter of a route. */
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query';
  readonly description: string;
  readonly schema: JsonSchema;
  /** Of the query; those of the path are always. Default false. */
  readonly required?: boolean;
}

/** A request that a route has matched. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path parameters by name, decoded. */
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Who asks; a public route has nobody. */
  readonly principal: Principal;
}

/** One route. */
export interface Route {
  readonly method: 'GET' | 'POST';
  /** With parameters in braces: `/v1/views/{view}/rows`. */
  readonly path: string;
  /** Roles that may ask, operators always; null: everyone, without a key. */
  readonly roles: readonly Role[] | null;
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly Parameter[];
  readonly body?: JsonSchema;
  /** Content types of success and the schema of each; a text has none. */
  readonly answers: Readonly<Record<string, JsonSchema | null>>;
  /** Codes it may answer besides those of the key. */
  readonly errors?: readonly number[];
  handle(exchange: Exchange): Promise<void> | void;
}

/** The principal of a public route: nobody's rows. */
export const NOBODY: Principal = { tenant: '', role: 'ingest', keyName: '' };

/**
 * Whose rows a request is about: a tenant's key sees its own tenant and may not name another; an
 * operator names one by `tenant=`, or none for all (null).
 */
export function tenantOf(principal: Principal, named: string | null): string | null {
  if (principal.tenant === EVERY_TENANT) return named === null || named === '' ? null : named;
  if (named !== null && named !== '' && named !== principal.tenant)
    throw new MillraceError(
      'KEY_FORBIDDEN',
      `this key belongs to tenant '${principal.tenant}'; it can't ask for '${named}'`,
      { place: 'tenant' },
    );
  return principal.tenant;
}

/** A whole number of the query, within bounds; `fallback` when it is left out. */
export function wholeNumber(
  query: URLSearchParams,
  name: string,
  bounds: { readonly min: number; readonly max: number; readonly fallback: number },
): number {
  const text = query.get(name);
  if (text === null || text === '') return bounds.fallback;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < bounds.min || value > bounds.max)
    throw new MillraceError(
      'BODY_MALFORMED',
      `${name}: expected a whole number from ${bounds.min} to ${bounds.max}, found '${text.slice(0, 40)}'`,
      { place: `query ${name}` },
    );
  return value;
}

/** A yes or no of the query; no when it is left out. */
export function flag(query: URLSearchParams, name: string): boolean {
  const text = query.get(name) ?? 'false';
  if (text !== 'true' && text !== 'false')
    throw new MillraceError('BODY_MALFORMED', `${name}: expected true or false, found '${text.slice(0, 40)}'`, {
      place: `query ${name}`,
    });
  return text === 'true';
}

/** A time of the query: ms since 1970 or ISO 8601; null when it is left out. */
export function timeParameter(query: URLSearchParams, name: string): number | null {
  return timeValue(query.get(name), `query ${name}`);
}

/** As `timeParameter`, of a value that came another way; `place` says which. */
export function timeValue(given: unknown, place: string): number | null {
  if (given === undefined || given === null || given === '') return null;
  const text = String(given);
  const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Date.parse(text);
  if (!Number.isFinite(value) || Math.abs(value) > 8.64e15)
    throw new MillraceError(
      'BODY_MALFORMED',
      `${place}: expected ms since 1970 or an ISO 8601 time, found '${text.slice(0, 40)}'`,
      { place },
    );
  return value;
}
