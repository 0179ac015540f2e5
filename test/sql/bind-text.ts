/** Binds one expression's text to a schema, as a view's SELECT item would be. */
import type { Schema } from '../../src/event/schema.js';
import { bindTyped } from '../../src/sql/bind.js';
import type { BindContext } from '../../src/sql/context.js';
import type { Expression } from '../../src/sql/plan.js';
import { parseSql } from '../../src/util/sql-text.js';

/** The bound expression of `text`. `loadParser` first. */
export function bindText(text: string, schema: Schema): Expression {
  const sql = `SELECT ${text}`;
  const statement = parseSql(sql).stmts![0]!.stmt!;
  const select = (statement as { SelectStmt: { targetList: { ResTarget: { val: never } }[] } }).SelectStmt;
  const context: BindContext = {
    text: sql,
    file: undefined,
    stream: { name: 'rows', schema },
    qualifiers: ['rows'],
    positions: new WeakMap(),
    clause: 'SELECT',
  };
  return bindTyped(context, select.targetList[0]!.ResTarget.val);
}
