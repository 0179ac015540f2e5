/** SQL in a pipeline of this process: a session, gone when the command ends. */
import { jsonOf, textOf } from '../../mill/session/print.js';
import { Session } from '../../mill/session/session.js';
import type { SessionOptions } from '../../mill/session/options.js';
import { typeName } from '../../sql/types.js';
import type { Value } from '../../sql/value.js';
import type { StatementText } from '../../sql/statements/statement-text.js';
import type { SqlAnswer, SqlBackend, SqlChange, SqlRelation } from './backend.js';

/** A session. */
export class MemoryBackend implements SqlBackend {
  readonly title = 'Millrace in memory: nothing is kept. --url and --key ask a server';
  readonly #session: Session;

  constructor(options: SessionOptions = {}) {
    this.#session = new Session(options);
  }

  run(statement: StatementText): Promise<SqlAnswer> {
    // A synchronous error must become a rejection, as a server's does.
    return Promise.resolve().then(() => {
      const { tag, columns, rows, notice } = this.#session.run(statement);
      const types = columns.map(({ type }) => type);
      return {
        tag,
        columns: columns.map(({ name, type }) => ({ name, type: typeName(type) })),
        rows: printed(rows, types.map(textOf)),
        json: printed(rows, types.map(jsonOf)),
        ...(notice === undefined ? {} : { notice }),
      };
    });
  }

  relations(): Promise<readonly SqlRelation[]> {
    return Promise.resolve(
      this.#session.entries().map(({ name, kind, fields }) => ({
        name,
        kind,
        columns: fields.map((field) => ({ name: field.name, type: typeName(field.type) })),
      })),
    );
  }

  subscribe(name: string, take: (change: SqlChange) => void, signal: AbortSignal): Promise<void> {
    return Promise.resolve().then(() => {
      const fields = this.#session.entries().find((entry) => entry.name === name)?.fields ?? [];
      const texts = fields.map(({ type }) => textOf(type));
      const stop = this.#session.subscribe(name, (op, row) =>
        take({ op, row: Object.fromEntries(fields.map((field, i) => [field.name, texts[i]!(row[i]!)])) }),
      );
      signal.addEventListener('abort', stop, { once: true });
    });
  }
}

function printed<T>(rows: readonly (readonly Value[])[], print: readonly ((value: Value) => T)[]): T[][] {
  return rows.map((row) => row.map((value, i) => print[i]!(value)));
}
