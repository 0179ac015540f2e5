/**
 * The interactive shell of `millrace sql`. A statement ends with `;`, so it may take several lines.
 * An error is printed and the shell goes on. History is kept for the session.
 */
import { createInterface } from 'node:readline/promises';
import { dim, print, printError, table } from './output.js';
import type { Server } from './server.js';

const HELP = `  statement;     run it (SELECT … ;  may take several lines)
  \\d             list views and streams
  \\d NAME        columns of one
  \\?             this help
  \\q             leave (also Ctrl-D)`;

/** A relation as `GET /v1/views` lists it. */
interface Relation {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string }[];
}

/** Reads statements until the end; `run` prints the answer to each. */
export async function runShell(server: Server, run: (sql: string) => Promise<void>): Promise<void> {
  const lines = createInterface({
    input: process.stdin,
    output: process.stdout,
    historySize: 500,
    removeHistoryDuplicates: true,
  });
  print(dim(`Millrace at ${server.url}. \\? helps, \\q leaves.`));
  let statement = '';
  lines.setPrompt('millrace> ');
  lines.prompt();
  for await (const line of lines) {
    const text = line.trim();
    if (statement === '' && (text === '\\q' || text === 'exit' || text === 'quit')) break;
    if (statement === '' && (text.startsWith('\\') || text === '')) await answer(() => command(server, text));
    else statement += `${line}\n`;
    if (/;\s*$/.test(statement)) {
      const sql = statement.replace(/;\s*$/, '');
      statement = '';
      await answer(() => run(sql));
    }
    lines.setPrompt(statement === '' ? 'millrace> ' : '      ... ');
    lines.prompt();
  }
  lines.close();
}

async function answer(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    printError(error, false);
  }
}

async function command(server: Server, text: string): Promise<void> {
  if (text === '') return;
  const [name, argument] = text.split(/\s+/);
  if (name !== '\\d') return print(HELP);
  const { views } = await server.get<{ views: readonly Relation[] }>('/v1/views');
  if (argument === undefined)
    return print(
      table(
        ['name', 'columns'],
        views.map((view) => [view.name, view.columns.map((column) => column.name).join(', ')]),
        100,
      ),
    );
  const found = views.find((view) => view.name === argument);
  if (found === undefined)
    return print(`no view '${argument}'; there are: ${views.map((view) => view.name).join(', ')}`);
  print(
    table(
      ['column', 'type'],
      found.columns.map((column) => [column.name, column.type]),
    ),
  );
}
