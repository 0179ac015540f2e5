/** SIMILAR TO: its pattern becomes a regular expression, after `similar_escape_internal` in `regexp.c`. */
import { evaluationError } from '../value.js';
import { define } from './registry.js';
import type { FunctionDefinition } from './registry.js';

const PLAIN: Readonly<Record<string, string>> = {
  '%': '.*',
  _: '.',
  '(': '(?:',
  '\\': '\\\\',
  '.': '\\.',
  '^': '\\^',
  $: '\\$',
};

function similarToRegex(pattern: string, escape = '\\'): string {
  if ([...escape].length > 1) throw evaluationError('invalid escape string');
  let result = '';
  let inClass = false;
  const points = [...pattern];
  for (let i = 0; i < points.length; i++) {
    const point = points[i]!;
    if (point === escape) {
      const next = points[++i];
      if (next === '"' && !inClass) throw evaluationError('a separator in SIMILAR TO is not supported');
      if (next !== undefined) result += `\\${next}`;
    } else if (inClass) {
      result += point === '\\' ? '\\\\' : point;
      if (point === ']') inClass = false;
    } else {
      result += PLAIN[point] ?? point;
      if (point === '[') inClass = true;
    }
  }
  return `^(?:${result})$`;
}

/** What the grammar makes of `x SIMILAR TO pattern ESCAPE e`. */
export const similarFunctions: readonly FunctionDefinition[] = [
  define('similar_to_escape', ['text'], 'text', (pattern: string) => similarToRegex(pattern), { fails: true }),
  define('similar_to_escape', ['text', 'text'], 'text', similarToRegex, { fails: true }),
];
