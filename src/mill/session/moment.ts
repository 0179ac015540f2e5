/**
 * `now()` and the like in statements that run once: SELECT, INSERT, UPDATE, DELETE, and the DEFAULT of a column.
 *
 * They are the moment of the statement, as a constant. In a view they stay what they are, and are refused: it gives the
 * same rows whenever it is replayed.
 */
import type { Node } from 'libpg-query';
import type { Statement } from '../../sql/statements/statement.js';

type Tree = Record<string, unknown>;

const FUNCTIONS: ReadonlySet<string> = new Set([
  'now',
  'clock_timestamp',
  'statement_timestamp',
  'transaction_timestamp',
]);

/** Keywords, by the name of their node's `op`: what the value is called, its type, and how much of the moment it is. */
const KEYWORDS: Readonly<Record<string, { name: string; type: string; from: number; to?: number }>> = {
  SVFOP_CURRENT_TIMESTAMP: { name: 'current_timestamp', type: 'timestamptz', from: 0 },
  SVFOP_LOCALTIMESTAMP: { name: 'localtimestamp', type: 'timestamp', from: 0, to: 23 },
  SVFOP_CURRENT_DATE: { name: 'current_date', type: 'date', from: 0, to: 10 },
  SVFOP_LOCALTIME: { name: 'localtime', type: 'time', from: 11, to: 23 },
};

/** Puts a moment, ms since 1970, in the place of all that asks for one in a statement that runs once. */
export function setMoment(statement: Statement, ms: number): void {
  switch (statement.kind) {
    case 'select':
    case 'insert':
    case 'update':
    case 'delete':
      return put(statement, ms);
    case 'createTableAs':
      return put(statement.select, ms);
    default:
  }
}

function put(tree: unknown, ms: number): void {
  if (typeof tree !== 'object' || tree === null) return;
  const parent = tree as Tree;
  for (const [key, inner] of Object.entries(parent)) {
    const found = momentOf(inner, ms);
    if (found === null) {
      put(inner, ms);
      continue;
    }
    parent[key] = found.node;
    // A column of a result is still called after the function.
    if (key === 'val' && 'location' in parent && parent.name === undefined) parent.name = found.name;
  }
}

/** A node with a moment in the place of all that asks for one; the node itself stays as it is. */
export function atMoment(node: Node, ms: number): Node {
  const around = structuredClone({ node });
  put(around, ms);
  return around.node;
}

/** Whether something within a tree asks for the moment. */
export function asksForMoment(tree: unknown): boolean {
  if (typeof tree !== 'object' || tree === null) return false;
  return momentOf(tree, 0) !== null || Object.values(tree).some(asksForMoment);
}

function momentOf(value: unknown, ms: number): { readonly node: Node; readonly name: string } | null {
  if (typeof value !== 'object' || value === null) return null;
  const { FuncCall: call, SQLValueFunction: keyword } = value as { FuncCall?: Tree; SQLValueFunction?: Tree };
  const text = new Date(ms).toISOString().replace('T', ' ').replace('Z', '+00');
  if (call !== undefined) {
    const name = functionName(call);
    return name === null ? null : { name, node: constant(text, 'timestamptz', call.location) };
  }
  const found = keyword === undefined ? undefined : KEYWORDS[String(keyword.op)];
  if (found === undefined) return null;
  return { name: found.name, node: constant(text.slice(found.from, found.to), found.type, keyword!.location) };
}

function functionName({ args, funcname, over }: Tree): string | null {
  const names = (funcname as { String?: { sval?: string } }[]).map((each) => each.String?.sval);
  const name = names.at(-1);
  const isOwn = names.length === 1 || names[0] === 'pg_catalog';
  return isOwn && args === undefined && over === undefined && name !== undefined && FUNCTIONS.has(name) ? name : null;
}

function constant(text: string, type: string, location: unknown): Node {
  const at = typeof location === 'number' ? location : 0;
  const names = ['pg_catalog', type].map((sval) => ({ String: { sval } }));
  return {
    TypeCast: {
      arg: { A_Const: { sval: { sval: text }, location: at } },
      typeName: { names, typemod: -1, location: at },
      location: at,
    },
  };
}
