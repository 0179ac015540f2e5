import { dirname, relative } from 'node:path';
import { Command } from 'commander';
import { findConfig, loadConfig } from '../config/load.js';
import type { MillraceOptions } from '../config/options.js';
import { growHeapsFreely } from '../io/heap.js';
import { checkConfig } from './check.js';
import { nextChange, sinceThen, versionsOf, watchedFiles, type Versions, type Watched } from './dev-files.js';
import { dim, print, printError, printJson } from './output.js';
import {
  overridesOf,
  run,
  sayStopped,
  stopSignal,
  withStartOptions,
  type Running,
  type StartOptions,
} from './start.js';

/** `millrace dev`: runs the pipeline, and starts it again whenever what it was made of changes. */
export function devCommand(): Command {
  return withStartOptions(
    new Command('dev').description('like start, and again whenever the configuration, a view or a function changes'),
  )
    .addHelpText(
      'after',
      '\nA change with a mistake is explained, and what runs goes on as it was.\n\nExamples:\n  millrace dev\n  millrace dev --config shop.config.ts --port 8080',
    )
    .action(async (options: StartOptions) => dev(options));
}

/** What runs, and of what. */
interface Life {
  readonly running: Running;
  readonly config: MillraceOptions;
}

async function dev(options: StartOptions): Promise<void> {
  const file = findConfig(options.config, process.cwd());
  const json = options.json === true;
  const overrides = overridesOf(options);
  const config = await loadConfig(file, overrides);
  let watched = await watchedFiles(file, config);
  let before: Versions = versionsOf(watched);
  let root: string | undefined;
  growHeapsFreely();
  let life: Life = { config, running: await run(config, { json, again: false }) };
  const stopping = new AbortController();
  const signal = stopSignal().then((name) => {
    stopping.abort();
    return name;
  });
  for (;;) {
    const change = await nextChange(() => versionsOf(watched, root), before, stopping.signal);
    if (change === null) break;
    const since = performance.now();
    const next = await checked(file, overrides);
    if (next.config === undefined) {
      for (const error of next.errors) printError(error, json);
      sayKept(change.paths, next.errors.length, json);
      root = dirname(file);
    } else {
      root = undefined;
      watched = next.watched;
      life = await exchange(life, next.config, json, () => sayChanged(change.paths, performance.now() - since, json));
    }
    before = sinceThen(versionsOf(watched, root), change.versions);
  }
  const name = await signal;
  if (!json) print(`\n${name}: draining, then stopping`);
  await life.running.close();
  sayStopped(name, json);
}

type Checked =
  | { readonly config: MillraceOptions; readonly watched: Watched }
  | { readonly config: undefined; readonly errors: readonly unknown[] };

async function checked(file: string, overrides: ReturnType<typeof overridesOf>): Promise<Checked> {
  try {
    const { options, errors } = await checkConfig(file, overrides);
    if (options === undefined || errors.length > 0) return { config: undefined, errors };
    return { config: options, watched: await watchedFiles(file, options) };
  } catch (error) {
    // Such as a file that went away between two looks; whatever it is, what runs goes on.
    return { config: undefined, errors: [error] };
  }
}

/** Closes what runs and starts `next` in its place, or what ran before, if that can't be started. */
async function exchange(
  { running, config }: Life,
  next: MillraceOptions,
  json: boolean,
  say: () => void,
): Promise<Life> {
  await running.close();
  const at = (options: MillraceOptions): MillraceOptions =>
    options.http.port === 0 ? { ...options, http: { ...options.http, port: running.port } } : options;
  try {
    const life = { config: next, running: await run(at(next), { json, again: true }) };
    say();
    if (life.running.url !== running.url) sayMoved(life.running.url, json);
    return life;
  } catch (error) {
    printError(error, json);
    const before = { config, running: await run(at(config), { json, again: true }) };
    if (json) printJson({ event: 'kept' });
    else print('that did not start: what ran before runs again');
    return before;
  }
}

function sayChanged(paths: readonly string[], tookMs: number, json: boolean): void {
  const changed = paths.map(nameOf);
  if (json) printJson({ event: 'restarted', changed, tookMs: Math.round(tookMs) });
  else print(`${namesOf(changed)} changed: runs again ${dim(`after ${Math.round(tookMs)} ms`)}`);
}

function sayKept(paths: readonly string[], mistakes: number, json: boolean): void {
  const changed = paths.map(nameOf);
  if (json) printJson({ event: 'kept', changed, mistakes });
  else
    print(`${namesOf(changed)} changed: ${mistakes} mistake${mistakes === 1 ? '' : 's'}, what runs goes on as it was`);
}

function sayMoved(url: string, json: boolean): void {
  if (json) printJson({ event: 'moved', url });
  else print(`Millrace runs at ${url} now`);
}

const NAMED_MAX = 3;

function namesOf(names: readonly string[]): string {
  const more = names.length - NAMED_MAX;
  return `${names.slice(0, NAMED_MAX).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function nameOf(path: string): string {
  return relative(process.cwd(), path) || path;
}
