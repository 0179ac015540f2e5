/**
 * Finds Top-N: `WHERE n <= 10` over `row_number() OVER (…) AS n` keeps the first ten rows of each partition,
 * not all of them.
 */
import type { Expression } from '../plan.js';
import { allOf, conjuncts } from './columns.js';
import { endFieldOf, hasFixedSize, originOfExpression } from './lineage.js';
import type { Over, Relation, TopN } from './relation.js';
import { mapInputs } from './walk-relation.js';

const RANKINGS = ['row_number', 'rank', 'dense_rank'];

/** A relation in which numbered and cut partitions are Top-N. */
export function findTopN(relation: Relation): Relation {
  const inner = mapInputs(relation, findTopN);
  if (inner.kind === 'top') return { ...inner, windowEnd: windowEndOf(inner) };
  if (inner.kind !== 'filter' || inner.input.kind !== 'over') return inner;
  const over = inner.input;
  const [only] = over.functions;
  if (only === undefined || over.functions.length > 1 || !RANKINGS.includes(only.name)) return inner;
  const number = over.fields.length - 1;
  const parts = conjuncts(inner.condition);
  const limits = parts.map((part) => upTo(part, number));
  const found = limits.filter((limit) => limit !== undefined);
  if (found.length === 0) return inner;
  const limit = Math.max(0, Math.min(...found));
  const top = topOf(over, only.name as TopN['ranking'], limit);
  // What is left may still look at the number: `n = 3`, `n > 1`.
  const rest = parts.filter((part, i) => limits[i] === undefined || isEquality(part));
  const condition = allOf(rest);
  return condition === null ? top : { ...inner, fields: top.fields, input: top, condition };
}

function topOf(over: Over, ranking: TopN['ranking'], limit: number): Relation {
  const top: TopN = {
    kind: 'top',
    fields: over.fields,
    input: over.input,
    partition: over.partition,
    order: over.order,
    ranking,
    offset: 0,
    limit,
    windowEnd: null,
    numbered: true,
  };
  return { ...top, windowEnd: windowEndOf(top) };
}

/** The largest number that a condition lets through; undefined where it sets no end. */
function upTo(part: Expression, number: number): number | undefined {
  if (part.kind !== 'call') return undefined;
  const [a, b] = part.args;
  const isNumber = (each: Expression | undefined): boolean => {
    const inside = each?.kind === 'call' && each.name === 'cast' ? each.args[0] : each;
    return inside?.kind === 'column' && inside.index === number;
  };
  const value = (each: Expression | undefined): number | undefined =>
    each?.kind === 'literal' && each.value !== null && ['integer', 'bigint', 'numeric'].includes(each.type)
      ? Number(each.value)
      : undefined;
  const [name, limit] = isNumber(a)
    ? [part.name, value(b)]
    : isNumber(b)
      ? [mirrored(part.name), value(a)]
      : ['', undefined];
  if (limit === undefined) return undefined;
  if (name === '<=' || name === '=') return Math.floor(limit);
  return name === '<' ? Math.ceil(limit) - 1 : undefined;
}

function isEquality(part: Expression): boolean {
  return part.kind === 'call' && part.name === '=';
}

function mirrored(name: string): string {
  return { '<=': '>=', '<': '>', '>=': '<=', '>': '<' }[name] ?? name;
}

/** The window's end among the fields, when the partition has it or a start that it follows from. */
function windowEndOf(top: TopN): number | null {
  for (const part of top.partition) {
    const origin = originOfExpression(top.input, part);
    if (origin === null || origin.kind === 'column') continue;
    if (origin.kind === 'windowStart' && !hasFixedSize(origin.window)) continue;
    const end = endFieldOf(top.input, part, origin.window);
    if (end >= 0) return end;
  }
  return null;
}
