/** Pieces of libpg-query's trees, for statements that are run as queries. */
import type { Node, SelectStmt, TypeName, WithClause } from 'libpg-query';

/** NULL. */
export const NULL_NODE: Node = { A_Const: { isnull: true } };

const PLAIN = { limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' } as const;

/** `VALUES (…), (…)`. */
export function valuesOf(rows: readonly (readonly Node[])[]): SelectStmt {
  return { ...PLAIN, valuesLists: rows.map((items) => ({ List: { items: [...items] } })) };
}

/** A relation of FROM. */
interface Named {
  readonly name: string;
  readonly alias?: string | null;
  readonly location: number;
}

/** `SELECT items FROM relation WHERE condition`. `around`: what else is in FROM, and WITH. */
export function selectFrom(
  items: readonly Node[],
  relation: Named,
  where: Node | null = null,
  around: { readonly from: readonly Node[]; readonly withClause: WithClause | null } | null = null,
): SelectStmt {
  const targets = items.map((val): Node => ({ ResTarget: { val } }));
  const select = selectTargets(targets, relation);
  return {
    ...select,
    fromClause: [...select.fromClause!, ...(around?.from ?? [])],
    ...(where === null ? {} : { whereClause: where }),
    ...(around === null || around.withClause === null ? {} : { withClause: around.withClause }),
  };
}

/** `SELECT targets FROM relation`, targets with their names. */
export function selectTargets(targets: readonly Node[], { alias, location, name }: Named): SelectStmt {
  const named = alias === undefined || alias === null ? {} : { alias: { aliasname: alias } };
  return {
    ...PLAIN,
    targetList: [...targets],
    fromClause: [{ RangeVar: { relname: name, inh: true, relpersistence: 'p', location, ...named } }],
  };
}

/** `relation.*`. */
export function starOf(relation: string): Node {
  return { ColumnRef: { fields: [{ String: { sval: relation } }, { A_Star: {} }] } };
}

/** A bare string or NULL as a literal of a type, so that an error stands under it; other nodes as they are. */
export function typedLiteral(node: Node, typeName: TypeName): Node {
  const constant = 'A_Const' in node ? node.A_Const : undefined;
  if (constant === undefined || (constant.sval === undefined && constant.isnull !== true)) return node;
  const { typmods: _length, ...type } = typeName;
  const location = constant.location ?? -1;
  return { TypeCast: { arg: node, typeName: type, location } };
}
