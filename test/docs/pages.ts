/**
 * The examples of a page of the guide, run as they stand.
 *
 * A page's blocks of code say by their first line what they are:
 *
 *     sql         runs in memory. Each section (##) is a session of its own, begun with the blocks above the first one.
 *     sql views   a file of views: it is planned beside the streams of the tests' configuration.
 *     sql server  asked of a server: its statement is read, not run.
 *
 * What follows a block directly is its last statement's answer: a table is its rows, a block of `text` its error. The
 * page is written anew with what comes out; rows whose statement has no ORDER BY are put in order as text.
 */
import { sessionExecutor } from '../../scripts/slt/executor.js';
import { MillraceError } from '../../src/util/errors.js';
import { loadParser } from '../../src/util/sql-text.js';
import { splitStatements } from '../../src/sql/statements/statement-text.js';
import { parseStatement } from '../../src/sql/statements/parse.js';
import { planFile } from './views.js';

/** A block of code, and its answer. */
interface Example {
  readonly kind: string;
  readonly code: string;
  /** The lines of the answer, from `from` to before `to`; `form` null where the page shows none. */
  readonly form: 'table' | 'error' | null;
  readonly from: number;
  readonly to: number;
}

/** A page with the answers that its examples give. Throws where a statement fails that the page does not say fails. */
export async function rendered(page: string): Promise<string> {
  await loadParser();
  const lines = page.split('\n');
  const out: string[] = [];
  let at = 0;
  for (const [example, session] of examplesOf(lines)) {
    const answer = await run(example, session);
    out.push(...lines.slice(at, example.from), ...answer);
    at = example.to;
  }
  return [...out, ...lines.slice(at)].join('\n');
}

type Run = ReturnType<typeof sessionExecutor>['run'];

/** The examples of a page, in order, each with the session that it runs in. */
function* examplesOf(lines: readonly string[]): Generator<readonly [Example, Run]> {
  const prelude: Example[] = [];
  let run = sessionExecutor({}).run;
  let isPrelude = true;
  let ready: Promise<unknown> = Promise.resolve();
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (line.startsWith('## ')) {
      isPrelude = false;
      const session = sessionExecutor({});
      ready = begin(session.run, prelude);
      const begun = ready;
      run = async (sql) => {
        await begun;
        return session.run(sql);
      };
    }
    if (!line.startsWith('```')) continue;
    const end = lines.indexOf('```', i + 1);
    if (end < 0) throw new Error(`line ${i + 1}: a block without an end`);
    const example = exampleAt(lines, line.slice(3), i, end);
    if (example.kind.startsWith('sql')) {
      if (isPrelude) prelude.push(example);
      yield [example, run];
    }
    // The line behind an answer's last one; an error's block ends with a fence of its own.
    i = Math.max(end, example.form === 'error' ? example.to : example.to - 1);
  }
}

async function begin(run: Run, prelude: readonly Example[]): Promise<void> {
  for (const { code, form, kind } of prelude) if (kind === 'sql' && form !== 'error') await run(code);
}

function exampleAt(lines: readonly string[], kind: string, start: number, end: number): Example {
  const code = lines.slice(start + 1, end).join('\n');
  const next = end + 2;
  if (lines[end + 1] === '' && lines[next]?.startsWith('| ') === true) {
    let to = next;
    while (lines[to]?.startsWith('|') === true) to++;
    return { kind, code, form: 'table', from: next, to };
  }
  if (lines[end + 1] === '' && lines[next] === '```text')
    return { kind, code, form: 'error', from: next + 1, to: lines.indexOf('```', next) };
  return { kind, code, form: null, from: end + 1, to: end + 1 };
}

async function run(example: Example, session: Run): Promise<readonly string[]> {
  switch (example.kind) {
    case 'sql':
      return answerOf(example, session);
    case 'sql views':
      return example.form === 'error' ? errorOf(() => planFile(example.code)) : nothing(planFile(example.code));
    case 'sql server':
      for (const part of splitStatements(example.code)) parseStatement(part);
      return [];
    default:
      throw new Error(`a block of "${example.kind}" is none that a test runs`);
  }
}

async function nothing(work: Promise<unknown>): Promise<readonly string[]> {
  await work;
  return [];
}

async function answerOf({ code, form }: Example, session: Run): Promise<readonly string[]> {
  const statements = splitStatements(code);
  const texts = statements.map((part) => part.sql);
  const last = texts.at(-1);
  if (form === null || last === undefined) return nothing(session(code));
  for (const text of texts.slice(0, -1)) await session(text);
  if (form === 'error') return errorOf(() => session(last));
  const { columns, rows } = await session(last);
  const cells = rows.map((row) => `| ${row.map((cell) => (cell ?? 'NULL').replaceAll('|', '\\|')).join(' | ')} |`);
  const head = columns.map(({ name }) => name);
  return [
    `| ${head.join(' | ')} |`,
    `| ${head.map(() => '---').join(' | ')} |`,
    ...(/\border by\b/i.test(last) ? cells : cells.toSorted()),
  ];
}

async function errorOf(work: () => Promise<unknown>): Promise<readonly string[]> {
  try {
    await work();
  } catch (error) {
    if (error instanceof MillraceError) return `error ${error.code}: ${error.message}`.split('\n');
    throw error;
  }
  return ['no error'];
}
