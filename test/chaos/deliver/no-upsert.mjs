/** Control: rows are inserted without looking whether they are there, and no key forbids it. */
import pg from 'pg';

const query = pg.Client.prototype.query;
pg.Client.prototype.query = function withoutKey(statement, ...rest) {
  const change = (text) =>
    text.replace(/ON CONFLICT[\s\S]*$/i, '').replace(/,\s*(CONSTRAINT \S+ )?PRIMARY KEY \([^)]*\)/i, '');
  if (typeof statement === 'string') return query.call(this, change(statement), ...rest);
  if (typeof statement?.text === 'string' && typeof statement.submit !== 'function')
    return query.call(this, { ...statement, text: change(statement.text) }, ...rest);
  return query.call(this, statement, ...rest);
};
