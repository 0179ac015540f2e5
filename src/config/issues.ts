/** zod's issues as messages that name the place, what was expected and what was found. */
import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/** One mistake in a configuration. */
export interface ConfigMistake {
  /** Such as `streams.events.partitions` or `tenants[2].keys[0].hash`. */
  readonly path: string;
  readonly message: string;
}

/** All mistakes of a parse, in the order of the description. */
export function mistakesOf(
  issues: readonly Issue[],
  input: unknown,
  keysAt: (path: readonly PropertyKey[]) => readonly string[],
): ConfigMistake[] {
  return issues.flatMap((issue) => explain(issue, input, keysAt));
}

function explain(
  issue: Issue,
  input: unknown,
  keysAt: (path: readonly PropertyKey[]) => readonly string[],
): ConfigMistake[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      message: unknownKey(key, keysAt(issue.path)),
    }));
  if (issue.code === 'invalid_key') {
    const inner = issue.issues[0]?.message ?? 'not a name';
    return [{ path: pathText(issue.path), message: `${inner}, found ${show(issue.path.at(-1))}` }];
  }
  if (issue.code === 'custom' && issue.params?.['secret'] === true)
    return [{ path: pathText(issue.path), message: issue.message }];
  const found = valueAt(input, issue.path);
  // Who writes something else where an object is expected may have put a secret there.
  const isOther = issue.code === 'invalid_type' && issue.expected === 'object';
  const shown = found === undefined ? 'nothing' : isOther ? 'something else' : show(found);
  return [{ path: pathText(issue.path), message: `${expectation(issue)}, found ${shown}` }];
}

function expectation(issue: Issue): string {
  if (issue.message.startsWith('expected') || issue.code === 'custom') return issue.message;
  if (issue.code === 'invalid_type') return `expected ${TYPES[issue.expected] ?? issue.expected}`;
  return issue.message;
}

const TYPES: Readonly<Record<string, string>> = {
  object: 'an object { … }',
  record: 'an object { … }',
  array: 'a list [ … ]',
  string: 'a text',
  boolean: 'true or false',
  number: 'a number',
};

function unknownKey(key: string, known: readonly string[]): string {
  const near = known.map((name) => [distance(key, name), name] as const).toSorted((a, b) => a[0] - b[0])[0];
  if (near !== undefined && near[0] <= Math.max(2, key.length / 3)) return `is not known; did you mean '${near[1]}'?`;
  return `is not known; expected ${known.length === 0 ? 'nothing here' : `one of ${known.join(', ')}`}`;
}

/** A path as people write it: `tenants[2].id`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : `${text}${text === '' ? '' : '.'}${String(part)}`),
    '',
  );
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[part] : undefined,
    input,
  );
}

/** A value as people wrote it; of an object only the names, since its values may be secrets. */
function show(value: unknown): string {
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value))
    return value.some((item) => typeof item === 'object') ? 'a list' : cut(JSON.stringify(value));
  if (typeof value === 'object' && value !== null) return cut(`{ ${Object.keys(value).join(', ')} }`);
  return cut(JSON.stringify(value) ?? String(value));
}

function cut(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

/** Levenshtein distance, for suggestions. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(
        Math.min(
          row[j]! + 1,
          next[j - 1]! + 1,
          row[j - 1]! + (a[i - 1]!.toLowerCase() === b[j - 1]!.toLowerCase() ? 0 : 1),
        ),
      );
    row = next;
  }
  return row[b.length]!;
}
