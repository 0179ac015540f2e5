/**
 * Reads the input of a call: members by name and type, with AWS's words for what is wrong. A member of
 * a type that the operation does not have there is SerializationException, one that breaks a limit is
 * ValidationException, and one that is not known is InvalidArgumentException: none is ignored.
 */
import { MillraceError } from '../../../util/errors.js';

/** A JSON object. */
export type Structure = Readonly<Record<string, unknown>>;

/** Bounds of a length or of a number, both included. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** The input of a call. Throws BODY_MALFORMED when it is no JSON object. */
export function parseInput(bytes: Uint8Array): Structure {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw malformed(`the body is not JSON: ${(cause as Error).message}`, cause);
  }
  if (isStructure(value)) return value;
  throw malformed('expected the body to be a JSON object');
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Throws ARGUMENT_INVALID for a member that is not among `known`. */
export function onlyMembers(value: Structure, known: readonly string[], path: string): void {
  for (const name of Object.keys(value))
    if (!known.includes(name) && value[name] !== null)
      throw new MillraceError(
        'ARGUMENT_INVALID',
        `${at(path, name)} is not supported here; expected any of ${known.join(', ')}`,
        { place: at(path, name) },
      );
}

/** A text within bounds, or undefined when it is left out. */
export function textIn(value: Structure, name: string, path: string, bounds?: Bounds): string | undefined {
  const text = value[name] ?? undefined;
  if (text === undefined) return undefined;
  if (typeof text !== 'string') throw malformed(`${at(path, name)}: expected a string`);
  checkLength(text.length, at(path, name), bounds);
  return text;
}

/** A whole number within bounds, or undefined. */
export function numberIn(value: Structure, name: string, path: string, bounds: Bounds): number | undefined {
  const number = value[name] ?? undefined;
  if (number === undefined) return undefined;
  if (!Number.isInteger(number)) throw malformed(`${at(path, name)}: expected a whole number`);
  const found = number as number;
  if (found < bounds.min)
    throw constraint(at(path, name), `Member must have value greater than or equal to ${bounds.min}`);
  if (found > bounds.max)
    throw constraint(at(path, name), `Member must have value less than or equal to ${bounds.max}`);
  return found;
}

/** A structure, or undefined. */
export function structureIn(value: Structure, name: string, path: string): Structure | undefined {
  const found = value[name] ?? undefined;
  if (found === undefined || isStructure(found)) return found;
  throw malformed(`${at(path, name)}: expected an object`);
}

/** A list within bounds, or undefined. */
export function listIn(value: Structure, name: string, path: string, bounds: Bounds): readonly unknown[] | undefined {
  const found = value[name] ?? undefined;
  if (found === undefined) return undefined;
  if (!Array.isArray(found)) throw malformed(`${at(path, name)}: expected a list`);
  checkLength(found.length, at(path, name), bounds);
  return found;
}

/** `value`; throws ARGUMENT_OUT_OF_BOUNDS when it is left out. */
export function required<T>(value: T | undefined, name: string, path = ''): T {
  if (value !== undefined) return value;
  throw constraint(at(path, name), 'Member must not be null');
}

/** What a stream's name must look like. */
const STREAM_NAME = /^[a-zA-Z0-9_.-]+$/;

/** The member `DeliveryStreamName`. */
export function streamNameIn(input: Structure): string {
  const name = required(textIn(input, 'DeliveryStreamName', '', { min: 1, max: 64 }), 'DeliveryStreamName');
  if (!STREAM_NAME.test(name))
    throw constraint('DeliveryStreamName', 'Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+');
  return name;
}

/** Whether a JSON value is an object. */
export function isStructure(value: unknown): value is Structure {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value of the wrong type, or bytes that are none. */
export function malformed(message: string, cause?: unknown): MillraceError {
  return new MillraceError('BODY_MALFORMED', message, { place: 'body', ...(cause === undefined ? {} : { cause }) });
}

/** A broken limit, in AWS's words. The member is named as AWS names it, with a small first letter. */
export function constraint(member: string, rule: string): MillraceError {
  const name = member.replaceAll(/(^|\.)([A-Z])/g, (_, dot: string, letter: string) => `${dot}${letter.toLowerCase()}`);
  return new MillraceError(
    'ARGUMENT_OUT_OF_BOUNDS',
    `1 validation error detected: Value at '${name}' failed to satisfy constraint: ${rule}`,
    { place: name },
  );
}

function checkLength(length: number, member: string, bounds: Bounds | undefined): void {
  if (bounds === undefined) return;
  if (length < bounds.min) throw constraint(member, `Member must have length greater than or equal to ${bounds.min}`);
  if (length > bounds.max) throw constraint(member, `Member must have length less than or equal to ${bounds.max}`);
}

function at(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
