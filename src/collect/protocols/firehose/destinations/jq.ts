/**
 * Queries of MetadataExtraction: the part of JQ that names fields.
 *
 *   {customer: .customer.id, year: .year, "region": .geo["code"]}
 *
 * Anything else of JQ (pipes, functions, indexes) is refused by name.
 */
import { holdsRecords } from '../../../../event/records.js';
import type { Schema } from '../../../../event/schema.js';
import { MillraceError } from '../../../../util/errors.js';

/** Partition keys by name: the path of each. */
export type ExtractedKeys = ReadonlyMap<string, readonly string[]>;

const KEY = /\s*(?:"([A-Za-z0-9_-]+)"|([A-Za-z_][A-Za-z0-9_]*))\s*:\s*/y;
const STEP = /\.(?:([A-Za-z_][A-Za-z0-9_]*)|"((?:[^"\\])*)")|\.?\["([^"\\]*)"\]/y;
const KEYS_MAX = 50;

/** Reads a query. Throws ARGUMENT_INVALID, with `place`. */
export function parseQuery(text: string, place: string): ExtractedKeys {
  const query = text.trim();
  const refuse = (found: string): never => {
    throw new MillraceError(
      'ARGUMENT_INVALID',
      `${place}: expected {key: .field.field, …}, the only part of JQ that is understood, found '${found.slice(0, 80)}'`,
      { place },
    );
  };
  if (!query.startsWith('{') || !query.endsWith('}')) refuse(query);
  const keys = new Map<string, readonly string[]>();
  const end = query.length - 1;
  for (let at = 1; at < end;) {
    const [key, afterKey] = take(KEY, query, at) ?? refuse(query.slice(at));
    const path: string[] = [];
    at = afterKey;
    for (let step = take(STEP, query, at); step !== null; step = take(STEP, query, at)) {
      path.push(step[0]);
      at = step[1];
    }
    const rest = /^\s*(,|\}$)/.exec(query.slice(at));
    if (path.length === 0 || rest === null || keys.has(key) || keys.size >= KEYS_MAX) refuse(query.slice(afterKey));
    keys.set(key, path);
    at += rest![0].length;
  }
  if (keys.size === 0) refuse(query);
  return keys;
}

/** What a sticky pattern's one group holds at a place, and where it ends. */
function take(pattern: RegExp, text: string, at: number): readonly [string, number] | null {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  if (match === null) return null;
  return [match.slice(1).find((group) => group !== undefined)!, pattern.lastIndex];
}

/** A path as SQL over a stream's columns. Throws ARGUMENT_INVALID where it leads nowhere. */
export function pathSql(path: readonly string[], schema: Schema, place: string): string {
  if (holdsRecords(schema)) return inJson(`convert_from(data, 'UTF8')::json`, path);
  const [first, ...rest] = path;
  const column = schema.columns.find(({ name }) => name === first);
  if (column?.type === 'json') return inJson(`"${column.name}"`, rest);
  if (column !== undefined && rest.length === 0) return `"${column.name}"`;
  if (column === undefined && schema.columns.some(({ name, type }) => name === 'props' && type === 'json'))
    return inJson('"props"', path);
  throw new MillraceError('ARGUMENT_INVALID', `${place}: the stream has no field .${path.join('.')}`, { place });
}

function inJson(json: string, path: readonly string[]): string {
  if (path.length === 0) return json;
  const steps = path.map((step) => `"${step}"`).join(',');
  return `${json} #>> '{${steps.replaceAll("'", "''")}}'`;
}
