/**
 * The parse tree as the binder reads it: one node at a time, and nothing it does not know.
 *
 * libpg-query gives `{ "NodeKind": { …fields } }`. `openNode` takes that apart; `onlyFields` refuses
 * every field that is not listed, so that a clause this binder has never heard of (a lock, an INTO,
 * whatever a later PostgreSQL adds) is an error that names it and never something silently ignored.
 */
import { byteToIndex, sqlError } from '../../util/sql-text.js';
import type { ErrorCode } from '../../util/errors.js';

/** The fields of a node. */
export type Fields = Readonly<Record<string, unknown>>;

/** A node: one kind, its fields. */
export interface Node {
  readonly kind: string;
  readonly fields: Fields;
}

/** The statement's text, for errors that point into it. */
export class Statement {
  readonly text: string;
  /** Where it was read. */
  readonly file: string | undefined;

  constructor(text: string, file?: string) {
    this.text = text;
    this.file = file;
  }

  /** Throws an error at a node's place (or at the start when it has none). */
  fail(code: ErrorCode, message: string, at?: Fields, instead?: string): never {
    const location = typeof at?.['location'] === 'number' && at['location'] >= 0 ? at['location'] : 0;
    throw sqlError(
      code,
      message,
      { text: this.text, index: byteToIndex(this.text, location), file: this.file },
      instead,
    );
  }

  /** Throws SQL_UNSUPPORTED for a kind of node or clause. */
  refuse(what: string, at?: Fields, instead?: string): never {
    return this.fail('SQL_UNSUPPORTED', `${what} can't be used in a query`, at, instead);
  }

  /** Refuses fields of a node that are not in `known`; those that say nothing are let pass. */
  onlyFields(node: Node, known: readonly string[]): void {
    for (const [name, value] of Object.entries(node.fields)) {
      if (name === 'location' || known.includes(name)) continue;
      if (value === false || value === '' || (Array.isArray(value) && value.length === 0)) continue;
      this.refuse(`${name} of ${node.kind}`, node.fields);
    }
  }
}

/** Takes a node apart; null when there is none. */
export function openNode(value: unknown): Node | null {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return null;
  const entries = Object.entries(value);
  if (entries.length !== 1) return null;
  const [kind, fields] = entries[0]!;
  return { kind, fields: (fields ?? {}) as Fields };
}

/** A list of nodes. */
export function nodeList(value: unknown): Node[] {
  if (!Array.isArray(value)) return [];
  return value.map((item) => openNode(item) ?? { kind: 'nothing', fields: {} });
}

/** A list of names: `[{ String: { sval } }]`. */
export function nameList(value: unknown): string[] {
  return nodeList(value).map((node) => (node.kind === 'String' ? stringField(node.fields, 'sval') : ''));
}

/** A text field, empty when absent. */
export function stringField(fields: Fields, name: string): string {
  const value = fields[name];
  return typeof value === 'string' ? value : '';
}

/** How deep the tree is, without recursion. */
export function depthOf(tree: unknown): number {
  let deepest = 0;
  const waiting: [unknown, number][] = [[tree, 0]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [value, depth] = next;
    if (value === null || typeof value !== 'object') continue;
    // A node is an object in an object (and often in an array): count kinds, which start upper case.
    for (const [name, child] of Object.entries(value)) {
      const below = depth + (/^[A-Z]/.test(name) ? 1 : 0);
      if (below > deepest) deepest = below;
      waiting.push([child, below]);
    }
  }
  return deepest;
}
