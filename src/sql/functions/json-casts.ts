/** Casts of json and jsonb. */
import { Decimal, decimalToDouble } from '../decimal.js';
import { isList, isObject, normalizeJson, parseDocument } from '../json/document.js';
import type { Document } from '../json/document.js';
import type { SqlType } from '../plan.js';
import { evaluationError } from '../value.js';
import type { Value } from '../value.js';
import { castDecimal } from './decimal-casts.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

/** What kind of value a document is, as `jsonb_typeof` says it. */
export function kindOf(document: Document): string {
  if (document === null) return 'null';
  if (document instanceof Decimal) return 'number';
  if (typeof document === 'string') return 'string';
  if (typeof document === 'boolean') return 'boolean';
  return isList(document) ? 'array' : 'object';
}

function cannotCast(document: Document, to: string): Error {
  const kind =
    isList(document) || isObject(document)
      ? kindOf(document)
      : typeof document === 'boolean'
        ? 'boolean'
        : kindOf(document) === 'number'
          ? 'numeric'
          : kindOf(document);
  return evaluationError(`cannot cast jsonb ${kind} to type ${to}`);
}

/** jsonb's null is no value. */
function toBoolean(text: string): Value {
  const document = parseDocument(text);
  if (document === null || typeof document === 'boolean') return document;
  throw cannotCast(document, 'boolean');
}

function toNumber(to: SqlType, convert: (value: Decimal) => Value): FunctionDefinition {
  return define(
    'cast',
    ['jsonb'],
    to,
    (text: string) => {
      const document = parseDocument(text);
      if (document === null) return null;
      if (!(document instanceof Decimal)) throw cannotCast(document, to);
      return convert(document);
    },
    { fails: true },
  );
}

/** Casts of json and jsonb but those from and to text. */
export const jsonCasts: readonly FunctionDefinition[] = [
  define('cast', ['json'], 'jsonb', normalizeJson, { fails: true }),
  define('cast', ['jsonb'], 'json', (text: string) => text),
  define('cast', ['jsonb'], 'boolean', toBoolean, { fails: true }),
  toNumber('smallint', castDecimal.smallint),
  toNumber('integer', castDecimal.integer),
  toNumber('bigint', castDecimal.bigint),
  toNumber('numeric', (value) => value),
  toNumber('real', castDecimal.real),
  toNumber('double precision', decimalToDouble),
];
