import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { findConfig, loadConfig } from '../config/load.js';
import type { ExplainedDefinition, ExplainedPlan, ExplainedSource, Explanation } from '../serve/explain/explanation.js';
import { count, timeText, waitText } from '../serve/explain/words.js';
import { parseViews } from '../sql/parse.js';
import { MillraceError } from '../util/errors.js';
import { bold, dim, green, print, printJson, red, several } from './output.js';
import { Server, withServer, type ServerOptions } from './server.js';

interface ExplainOptions extends ServerOptions {
  readonly file?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** `millrace explain [VIEW]`: how views stand, why windows are open, and what a changed statement would be. */
export function explainCommand(): Command {
  return withServer(new Command('explain'))
    .description('how a view stands, why its oldest window is open, and what a change would be')
    .argument('[view]', 'its name (default: all views)')
    .option('-f, --file <file>', 'what the views of this file would be')
    .option(
      '-c, --config <file>',
      'whose views are compared with those that run (default: millrace.config.* in this folder)',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace explain traffic\n  millrace explain -f views/traffic.sql\n  millrace explain traffic --json',
    )
    .action(async (view: string | undefined, options: ExplainOptions) => {
      const server = new Server(options);
      const given = await statements(options);
      const names = view !== undefined ? [view] : options.file === undefined ? await allViews(server) : given.names;
      for (const name of names) {
        const path = `/v1/views/${encodeURIComponent(name)}/explain`;
        const explanation = given.names.includes(name)
          ? await server.post<Explanation>(path, { sql: given.sql })
          : await server.get<Explanation>(path);
        if (options.json === true) printJson(explanation);
        else printExplanation(explanation, options.file !== undefined);
      }
    });
}

async function allViews(server: Server): Promise<string[]> {
  return (await server.get<{ views: { name: string }[] }>('/v1/views')).views.map(({ name }) => name);
}

/** The statements on disk: of the file, or of the configuration if there is one here. */
async function statements({
  config,
  file,
}: ExplainOptions): Promise<{ readonly sql: string; readonly names: string[] }> {
  const texts: { readonly text: string; readonly file: string }[] = [];
  if (file !== undefined) texts.push({ text: readFileSync(file, 'utf8'), file });
  else texts.push(...(await configured(config)));
  const views = [];
  for (const one of texts) views.push(...(await parseViews(one.text, one.file)));
  return {
    sql: views.map(({ sql }) => `${sql};`).join('\n'),
    names: views.filter(({ isPlain }) => isPlain !== true).map(({ name }) => name),
  };
}

async function configured(
  config: string | undefined,
): Promise<readonly { readonly text: string; readonly file: string }[]> {
  try {
    return (await loadConfig(findConfig(config, process.cwd()))).views;
  } catch (error) {
    // Without a configuration here there is nothing to compare with.
    if (config === undefined && error instanceof MillraceError && error.code === 'CONFIG_NOT_FOUND') return [];
    throw error;
  }
}

function printExplanation({ change, definitions, nowMs, swap, view }: Explanation, isFile: boolean): void {
  print(bold(view));
  if (change !== undefined) printChange(change, isFile || definitions.length === 0);
  if (swap !== null) {
    const left = swap.lagRows === 0 ? 'it has read all rows' : `${rows(swap.lagRows)} left${about(swap.seconds)}`;
    const then = swap.mode === 'auto' ? 'then it answers' : `\`millrace swap ${view}\` lets it answer`;
    print(`  a new definition, ${swap.epoch}, is computed beside the one that answers: ${left}; ${then}`);
    print(dim(`  millrace diff ${view} compares them`));
  }
  for (const definition of definitions) printDefinition(definition, nowMs, definitions.length > 1);
  print();
}

function printChange({ outlook, plan }: NonNullable<Explanation['change']>, always: boolean): void {
  if (outlook.kind === 'unchanged') {
    if (always) print('  the statement is the one that runs');
  } else if (outlook.kind === 'same state') print(`  the statement on disk: ${green('same state')}, ${outlook.why}`);
  else {
    const { lake, logOnly, seconds, sinceMs } = outlook;
    const since = sinceMs === null ? '' : `, of all since ${timeText(sinceMs)}`;
    const from = lake === null ? 'from the log' : 'from lake and log';
    print(
      `  the statement on disk: ${red('replay')} of ${rows(outlook.rows)} ${from}${about(seconds)}${since}, then the swap`,
    );
    if (lake !== null) print(`    ${rows(lake.rows)} in ${several(lake.files, 'file')} of the lake`);
    for (const { stream, why } of logOnly) print(`    older rows of ${stream} are left out: ${why}`);
  }
  if (outlook.kind !== 'unchanged') printPlan(plan);
}

function about(seconds: number | null): string {
  return seconds === null ? '' : ` (about ${waitText(Math.max(1, seconds) * 1_000)} at the measured speed)`;
}

function rows(value: number): string {
  return several(value, 'row');
}

function printPlan({ allowedLatenessMs, emit, lagMs, lines, retentionMs, runs }: ExplainedPlan): void {
  print(`  plan      ${runs === 'kernel' ? 'one kernel' : 'operators'}`);
  for (const line of lines) print(`    ${line}`);
  const kept = retentionMs === null ? 'for ever' : `for ${waitText(retentionMs)}`;
  print(`  emit      ${emit}, lag ${waitText(lagMs)}, corrected for ${waitText(allowedLatenessMs)}, rows kept ${kept}`);
}

function printDefinition(definition: ExplainedDefinition, nowMs: number, isOfTwo: boolean): void {
  const {
    answers,
    completeThroughMs,
    delays,
    epoch,
    failed,
    late,
    oldestOpen,
    plan,
    reader,
    sinceMs,
    sources,
    state,
    spilled,
    stateFull,
    stateShed,
  } = definition;
  if (isOfTwo) print(`\n  definition ${epoch}${answers ? green(' answers') : ''}`);
  if (sinceMs !== null)
    print(`  complete  from ${timeText(sinceMs)} on; rows that came before were gone when it began`);
  printPlan(plan);
  for (const source of sources) printSource(source);
  const lag = reader.lagRows === 0 ? 'has read all' : `${rows(reader.lagRows)} behind, ${waitText(reader.lagMs)}`;
  const speed = reader.rowsPerSecond === null ? '' : `, ${count(reader.rowsPerSecond)} rows a second of work`;
  print(`  reader    ${reader.state}${reader.reason === null ? '' : ` (${reader.reason})`}, ${lag}${speed}`);
  const share = state.bytesMax === 0 ? 0 : Math.round((state.bytes / state.bytesMax) * 1000) / 10;
  print(`  state     ${bytes(state.bytes)} of ${bytes(state.bytesMax)} (${share} %)`);
  if (spilled > 0) print(`    on disk: ${count(spilled)} keys`);
  for (const part of state.parts) print(`    ${part.name}: ${count(part.keys)} keys, ${bytes(part.bytes)}`);
  const total = delays.reduce((sum, one) => sum + one.rows, 0);
  if (total > 0) print('  delays    of rows behind their event time, since the start');
  for (const { belowMs, rows: counted } of delays)
    print(`    ${delayText(belowMs).padEnd(12)} ${count(counted).padStart(14)}  ${bar(counted / total)}`);
  print(
    `  late      ${count(late)}, failed ${count(failed)}, without room ${count(stateFull)}, shed ${count(stateShed)}`,
  );
  if (completeThroughMs !== null) print(`  closed    windows that end by ${timeText(completeThroughMs)}`);
  print(`  open      ${oldestOpen === null ? 'nothing' : openText(oldestOpen, nowMs)}`);
}

function openText(open: NonNullable<ExplainedDefinition['oldestOpen']>, nowMs: number): string {
  const ended =
    open.endMs <= nowMs ? `ended ${waitText(nowMs - open.endMs)} ago` : `ends in ${waitText(open.endMs - nowMs)}`;
  return `the oldest window ${open.startMs === null ? 'ends' : `${timeText(open.startMs)} to`} ${timeText(open.endMs)} (${ended}): ${open.why}`;
}

/** Partitions that are shown. */
const PARTITIONS_SHOWN = 8;

function printSource({ clock, nowMs, partitions, stream }: ExplainedSource): void {
  print(`  reads     ${stream}, ${clock} clock at ${nowMs === null ? 'nothing yet' : timeText(nowMs)}`);
  for (const { end, lastMs, offset, partition } of partitions.slice(0, PARTITIONS_SHOWN)) {
    const last = lastMs === null ? 'no row read' : `last ${timeText(lastMs)}`;
    print(`    partition ${partition}: ${last}, row ${count(offset)} of ${count(end)}`);
  }
  if (partitions.length > PARTITIONS_SHOWN) print(dim(`    and ${partitions.length - PARTITIONS_SHOWN} more (--json)`));
}

function delayText(belowMs: number | null): string {
  if (belowMs === null) return 'longer';
  return belowMs === 0 ? 'ahead' : `< ${waitText(belowMs)}`;
}

const BAR_WIDTH = 30;

function bar(share: number): string {
  return '▇'.repeat(Math.max(1, Math.round(share * BAR_WIDTH)));
}

function bytes(value: number): string {
  const step = UNITS.findLastIndex((_, i) => value >= 1024 ** i);
  const shown = value / 1024 ** Math.max(0, step);
  return `${shown < 10 ? Math.round(shown * 10) / 10 : Math.round(shown)} ${UNITS[Math.max(0, step)]}`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB'];
