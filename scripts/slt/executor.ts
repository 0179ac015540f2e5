/** A pipeline in memory, as the sqllogictest runner sees it. */
import { textOf } from '../../src/mill/session/print.js';
import type { SessionOptions } from '../../src/mill/session/options.js';
import { Session } from '../../src/mill/session/session.js';
import type { SltExecutor } from './run.js';

/** A new session that runs statements. */
export function sessionExecutor(options: SessionOptions): SltExecutor {
  const session = new Session(options);
  return {
    async run(sql) {
      const results = await session.execute(sql);
      const result = results.at(-1);
      if (result === undefined) return { columns: [], rows: [] };
      const { columns, rows, count } = result;
      const texts = columns.map(({ type }) => textOf(type));
      return {
        columns,
        rows: rows.map((row) => row.map((value, i) => texts[i]!(value))),
        ...(count === undefined ? {} : { count }),
      };
    },
    advance(ms) {
      session.advance(ms);
      return Promise.resolve();
    },
  };
}
