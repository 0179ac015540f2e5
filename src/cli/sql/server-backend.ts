/** SQL that a running Millrace answers: `/v1/query`, `/v1/views`, `/v1/live`. */
import type { StatementText } from '../../sql/statements/statement-text.js';
import { MillraceError } from '../../util/errors.js';
import type { Cell } from '../output.js';
import type { Server } from '../server.js';
import { serverSentEvents } from '../sse.js';
import type { SqlAnswer, SqlBackend, SqlChange, SqlRelation } from './backend.js';

/** What `POST /v1/query` answers. */
interface QueryAnswer {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A server, as a tenant or an operator. */
export class ServerBackend implements SqlBackend {
  readonly #server: Server;
  readonly #tenant: { readonly tenant?: string };

  constructor(server: Server, tenant: string | undefined) {
    this.#server = server;
    this.#tenant = tenant === undefined ? {} : { tenant };
  }

  get title(): string {
    return `Millrace at ${this.#server.url}`;
  }

  async run({ sql, tokens }: StatementText): Promise<SqlAnswer> {
    const words = tokens.slice(0, 3).map(({ text }) => text.toLowerCase());
    if (words[0] === 'show' || words[0] === 'describe') return this.#show(words);
    const { columns, rows } = await this.#server.post<QueryAnswer>('/v1/query', { sql, ...this.#tenant });
    return { tag: null, columns, rows, json: rows };
  }

  async relations(): Promise<readonly SqlRelation[]> {
    const { views } = await this.#server.get<{ views: readonly Omit<SqlRelation, 'kind'>[] }>('/v1/views');
    return views.map((view) => ({ ...view, kind: 'view' }));
  }

  async #show(words: readonly string[]): Promise<SqlAnswer> {
    const all = await this.relations();
    if (words[0] === 'describe') {
      const found = all.find(({ name }) => name === words[1]);
      if (found === undefined)
        throw new MillraceError('SQL_UNKNOWN_RELATION', `there is no view "${words[1] ?? ''}" that this key may read`);
      return listing(
        ['column', 'type'],
        found.columns.map(({ name, type }) => [name, type]),
      );
    }
    if (words[1] !== 'views' && words[2] !== 'views')
      throw new MillraceError('SQL_UNSUPPORTED', 'a server answers SHOW VIEWS, DESCRIBE name and SELECT');
    return listing(
      ['name'],
      all.map(({ name }) => [name]),
    );
  }

  async subscribe(name: string, take: (change: SqlChange) => void, signal: AbortSignal): Promise<void> {
    const parameters = new URLSearchParams({ stream: name, ...this.#tenant });
    const headers = { accept: 'text/event-stream' };
    try {
      const response = await this.#server.open(`/v1/live?${parameters}`, { headers }, signal);
      for await (const { event, data } of serverSentEvents(response.body!)) {
        if (event !== 'rows') continue;
        for (const row of (JSON.parse(data) as { rows: readonly Record<string, Cell>[] }).rows)
          take({ op: row['op'] === 'delete' ? '-' : '+', row });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

function listing(names: readonly string[], rows: readonly (readonly string[])[]): SqlAnswer {
  return { tag: null, columns: names.map((name) => ({ name, type: 'text' })), rows, json: rows };
}
