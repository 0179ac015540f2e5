/**
 * The interactive shell of `millrace sql`. A statement ends with `;`, so it may take several lines. An error is printed
 * and the shell goes on. Ctrl-C ends a subscription or throws the half-written statement away; Ctrl-D leaves.
 */
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { isComplete, splitStatements } from '../../sql/statements/statement-text.js';
import type { StatementText } from '../../sql/statements/statement-text.js';
import { loadParser } from '../../util/sql-text.js';
import { dim, printError, table } from '../output.js';
import type { SqlBackend, SqlRelation } from './backend.js';
import { complete } from './completion.js';
import { readHistory, writeHistory } from './history.js';
import { printAnswer, printChange, type PrintOptions } from './printer.js';

const HELP = `  statement;     run it (may take several lines)
  \\d             list tables, streams and views
  \\d NAME        columns of one
  \\x             one column a line, on or off
  \\timing        how long statements take, on or off
  \\?             this help
  \\q             leave (also Ctrl-D)
  SUBSCRIBE v;   print the changes of a view as they come; Ctrl-C ends it`;

/** What a shell reads from and writes to. */
export interface ShellStreams {
  readonly input: Readable;
  readonly output: Writable;
  /** Whether a person types: prompts, history, completion. */
  readonly isTerminal: boolean;
  /** Where lines are remembered; null: nowhere. */
  readonly historyFile: string | null;
}

/** Runs the shell to its end. */
export async function runShell(backend: SqlBackend, options: PrintOptions, streams: ShellStreams): Promise<void> {
  await loadParser();
  await new Shell(backend, options, streams).run();
}

class Shell {
  readonly #backend: SqlBackend;
  readonly #lines: Interface;
  readonly #out: (line: string) => void;
  readonly #isTerminal: boolean;
  #options: PrintOptions;
  #statement = '';
  #subscription: AbortController | undefined;
  /** For completion, which can't wait. */
  #relations: readonly SqlRelation[] = [];

  constructor(backend: SqlBackend, options: PrintOptions, { input, output, isTerminal, historyFile }: ShellStreams) {
    this.#backend = backend;
    this.#options = options;
    this.#isTerminal = isTerminal;
    this.#out = (line) => void output.write(`${line}\n`);
    this.#lines = createInterface({
      input,
      ...(isTerminal ? { output } : {}),
      terminal: isTerminal,
      historySize: 1_000,
      removeHistoryDuplicates: true,
      history: isTerminal && historyFile !== null ? this.#remembered(historyFile) : [],
      completer: (line: string) => complete(line, this.#relations),
    });
    if (isTerminal && historyFile !== null) this.#remember(historyFile);
  }

  async run(): Promise<void> {
    if (this.#isTerminal) this.#out(dim(`${this.#backend.title}. \\? helps, \\q leaves.`));
    this.#lines.on('SIGINT', () => this.#interrupt());
    await this.#learn();
    this.#prompt();
    for await (const line of this.#lines) {
      if (await this.#line(line)) break;
      this.#prompt();
    }
    this.#subscription?.abort();
    this.#lines.close();
  }

  #remembered(file: string): string[] {
    try {
      return readHistory(file);
    } catch (error) {
      this.#out(dim(`no history: ${(error as Error).message}`));
      return [];
    }
  }

  #remember(file: string): void {
    let isWritable = true;
    this.#lines.on('history', (history: string[]) => {
      if (!isWritable) return;
      try {
        writeHistory(file, history);
      } catch (error) {
        isWritable = false;
        this.#out(dim(`the history is not kept: ${(error as Error).message}`));
      }
    });
  }

  #prompt(): void {
    if (!this.#isTerminal) return;
    this.#lines.setPrompt(this.#statement === '' ? 'millrace> ' : '      ... ');
    this.#lines.prompt();
  }

  #interrupt(): void {
    if (this.#subscription !== undefined) {
      this.#subscription.abort();
      this.#subscription = undefined;
      this.#out(dim('the subscription has ended'));
    } else if (this.#statement === '') this.#out(dim('\\q or Ctrl-D leaves'));
    this.#statement = '';
    this.#prompt();
  }

  /** Takes a line; true to leave. */
  async #line(line: string): Promise<boolean> {
    const text = line.trim();
    if (this.#statement === '') {
      if (text === '\\q' || text === 'exit' || text === 'quit') return true;
      if (text === '') return false;
      if (text.startsWith('\\')) {
        await this.#guarded(() => this.#command(text));
        return false;
      }
    }
    this.#statement += `${line}\n`;
    if (!isComplete(this.#statement)) return false;
    const statements = splitStatements(this.#statement);
    this.#statement = '';
    for (const part of statements) await this.#guarded(() => this.#execute(part));
    await this.#learn();
    return false;
  }

  async #guarded(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      printError(error, this.#options.form === 'json');
    }
  }

  async #execute(part: StatementText): Promise<void> {
    const subscribed = subscriptionOf(part);
    if (subscribed !== undefined) return this.#subscribe(subscribed);
    const started = performance.now();
    const answer = await this.#backend.run(part);
    printAnswer(answer, this.#options, performance.now() - started, this.#out);
  }

  async #subscribe(name: string): Promise<void> {
    this.#subscription?.abort();
    const subscription = new AbortController();
    this.#subscription = subscription;
    this.#out(dim(`changes of ${name}; Ctrl-C ends it`));
    await this.#backend.subscribe(
      name,
      (change) => printChange(change, this.#options.form, this.#out),
      subscription.signal,
    );
  }

  /** Names for completion. What can't be asked now is asked again after the next statement. */
  async #learn(): Promise<void> {
    if (!this.#isTerminal) return;
    try {
      this.#relations = await this.#backend.relations();
    } catch (error) {
      this.#out(dim(`no completion of names: ${(error as Error).message}`));
    }
  }

  async #command(text: string): Promise<void> {
    const [name, argument] = text.split(/\s+/);
    if (name === '\\x') return this.#toggle('expanded', 'one column a line');
    if (name === '\\timing') return this.#toggle('timing', 'timing');
    if (name !== '\\d') return this.#out(HELP);
    const relations = await this.#backend.relations();
    if (argument === undefined)
      return this.#out(
        table(
          ['name', 'kind', 'columns'],
          relations.map(({ name: each, kind, columns }) => [
            each,
            kind,
            columns.map((column) => column.name).join(', '),
          ]),
          100,
        ),
      );
    const found = relations.find((relation) => relation.name === argument.replace(/;$/, ''));
    if (found === undefined) {
      const names = relations.map((relation) => relation.name).join(', ');
      return this.#out(`there is no '${argument}'; there are: ${names === '' ? 'none' : names}`);
    }
    this.#out(
      table(
        ['column', 'type'],
        found.columns.map((column) => [column.name, column.type]),
      ),
    );
  }

  #toggle(option: 'expanded' | 'timing', what: string): void {
    this.#options = { ...this.#options, [option]: !this.#options[option] };
    this.#out(dim(`${what}: ${this.#options[option] ? 'on' : 'off'}`));
  }
}

/** The view that a SUBSCRIBE names; undefined for other statements. */
export function subscriptionOf(part: StatementText): string | undefined {
  if (part.word(0) !== 'subscribe') return undefined;
  return part.name(part.word(1) === 'to' && part.tokens.length > 2 ? 2 : 1);
}
