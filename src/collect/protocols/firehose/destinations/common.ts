/** Members that several kinds of destination have. */
import { MillraceError } from '../../../../util/errors.js';
import { numberIn, onlyMembers, structureIn, textIn, type Structure } from '../input.js';

/** Buffering hints with their defaults: MiB and seconds. */
export function bufferingIn(
  settings: Structure,
  path: string,
  defaults: { readonly mib: number; readonly seconds: number; readonly mibMax: number },
): { readonly mib: number; readonly seconds: number } {
  const hints = structureIn(settings, 'BufferingHints', path) ?? {};
  const at = `${path}.BufferingHints`;
  onlyMembers(hints, ['SizeInMBs', 'IntervalInSeconds'], at);
  return {
    mib: numberIn(hints, 'SizeInMBs', at, { min: 1, max: defaults.mibMax }) ?? defaults.mib,
    seconds: numberIn(hints, 'IntervalInSeconds', at, { min: 0, max: 900 }) ?? defaults.seconds,
  };
}

/** How long a destination is tried, in seconds. */
export function retrySecondsIn(settings: Structure, path: string): number {
  const options = structureIn(settings, 'RetryOptions', path) ?? {};
  const at = `${path}.RetryOptions`;
  onlyMembers(options, ['DurationInSeconds'], at);
  return numberIn(options, 'DurationInSeconds', at, { min: 0, max: 7_200 }) ?? 300;
}

/** A member that may have one of some values; the first is the default. */
export function choiceIn<T extends string>(
  settings: Structure,
  name: string,
  path: string,
  values: readonly [T, ...T[]],
): T {
  const text = textIn(settings, name, path) ?? values[0];
  if ((values as readonly string[]).includes(text)) return text as T;
  throw new MillraceError(
    'ARGUMENT_INVALID',
    `${path}.${name}: expected ${values.map((value) => `'${value}'`).join(' or ')}, found '${text}'`,
    { place: `${path}.${name}` },
  );
}

/** `settings` without members that are null: AWS's clients leave out what has no value. */
export function withoutNulls(settings: Structure): Structure {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null));
}
