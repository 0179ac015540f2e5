import { Command } from 'commander';
import type { ViewDiff } from '../serve/diff/view-diff.js';
import { timeText } from '../serve/explain/words.js';
import { bold, count, dim, green, print, printJson, red, table } from './output.js';
import { Server, withServer, type ServerOptions } from './server.js';

interface DiffOptions extends ServerOptions {
  readonly tenant?: string;
  readonly limit?: string;
  readonly json?: boolean;
}

/** `millrace diff VIEW`: a changed view's new definition against the one before. */
export function diffCommand(): Command {
  return withServer(new Command('diff'))
    .description("a changed view's new definition against the one before, over the windows that both have closed")
    .argument('<view>', 'its name')
    .option('--tenant <id>', "one tenant's rows (a tenant's key sees only its own)")
    .option('--limit <n>', 'examples of each kind', '5')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExamples:\n  millrace diff traffic\n  millrace diff traffic --tenant acme --limit 20')
    .action(async (view: string, options: DiffOptions) => {
      const query = new URLSearchParams({ limit: options.limit ?? '5' });
      if (options.tenant !== undefined) query.set('tenant', options.tenant);
      const diff = await new Server(options).get<ViewDiff>(`/v1/views/${encodeURIComponent(view)}/diff?${query}`);
      if (options.json === true) printJson(diff);
      else printDiff(diff);
    });
}

function printDiff(diff: ViewDiff): void {
  const { added, before, beforeSinceMs, columns, counts, incomparable, newest, newestSinceMs } = diff;
  const { onlyBefore, onlyNewest, removed, throughMs, view } = diff;
  print(`${bold(view)}: ${newest} against ${before}`);
  if (added.length > 0) print(`  new columns: ${added.join(', ')}`);
  if (removed.length > 0) print(`  columns that are gone: ${removed.join(', ')}`);
  if (incomparable !== null) return print(red(`  ${incomparable}`));
  print(dim(`  windows that end by ${timeText(throughMs!)}, closed in both`));
  for (const [what, sinceMs] of [
    ['before', beforeSinceMs],
    ['now', newestSinceMs],
  ] as const)
    if (sinceMs !== null) print(dim(`  ${what}: rows that came before ${timeText(sinceMs)} were gone when it began`));
  const differing = counts.changed + counts.onlyBefore + counts.onlyNewest;
  print(`  ${differing === 0 ? green('all rows are the same') : red(`${count(differing)} rows differ`)}`);
  const shown = [counts.same, counts.changed, counts.onlyBefore, counts.onlyNewest];
  print(table(['same', 'changed', 'only before', 'only now'], [shown]));
  for (const { changed, examples, name } of columns) {
    if (changed === 0) continue;
    print(`\n  ${bold(name)}: ${count(changed)} rows differ, the largest differences first`);
    print(
      table(
        ['key', 'before', 'now'],
        examples.map(({ before: old, key, newest: now }) => [keyText(key), String(old), String(now)]),
      ),
    );
  }
  for (const [what, rows] of [
    ['only before', onlyBefore],
    ['only now', onlyNewest],
  ] as const) {
    if (rows.length === 0) continue;
    print(`\n  ${what}, for example`);
    for (const key of rows) print(`    ${keyText(key)}`);
  }
}

function keyText(key: Readonly<Record<string, unknown>>): string {
  return Object.entries(key)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(', ');
}
