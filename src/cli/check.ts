import { existsSync } from 'node:fs';
import { relative } from 'node:path';
import { Command } from 'commander';
import { configJsonSchema } from '../config/json-schema.js';
import { findConfig, loadConfig } from '../config/load.js';
import type { MillraceOptions } from '../config/options.js';
import type { ConfigOverrides } from '../config/parse.js';
import { formatDuration } from '../config/units.js';
import { checkDelivery } from '../deliver/check.js';
import {
  ACCOUNTS_SCHEMA,
  ACCOUNTS_STREAM,
  EDGES_SCHEMA,
  EDGES_STREAM,
  LATE_SCHEMA,
  LATE_STREAM,
  QUARANTINE_SCHEMA,
  QUARANTINE_STREAM,
} from '../event/internal.js';
import type { Schema } from '../event/schema.js';
import { endpointCatalog, planEndpoint, type Endpoint } from '../serve/endpoints/plan.js';
import type { ServedTable } from '../serve/query/catalog.js';
import { declare, NOTHING_DECLARED } from '../sql/declared.js';
import { seedRows } from '../seeds.js';
import { sinkDeliveries } from '../sinks.js';
import type { ViewStatement } from '../sql/parse.js';
import { SqlFiles } from '../sql/sql-files.js';
import { servedTables, streamOptions } from '../declared.js';
import { isRelational, sourcesOfPlan, ViewPlanner } from '../sql/standing.js';
import type { StandingPlan } from '../sql/standing.js';
import { resolvedAlert } from '../alerts.js';
import { guardedStreams } from '../guards.js';
import type { ViewAlert, ViewGuard } from '../sql/view-actions.js';
import { planTransforms, type DerivedStream } from '../transform/plan.js';
import { MillraceError } from '../util/errors.js';
import { dim, green, print, printError, printJson } from './output.js';

/** A view that guards events, and the streams where. */
export interface CheckedGuard {
  readonly view: string;
  readonly guard: ViewGuard;
  readonly streams: readonly string[];
}

/** What a check found. */
export interface CheckResult {
  readonly options: MillraceOptions | undefined;
  /** The streams that transforms make. */
  readonly derived: readonly DerivedStream[];
  readonly plans: readonly StandingPlan[];
  readonly guards: readonly CheckedGuard[];
  readonly endpoints: readonly Endpoint[];
  readonly errors: readonly MillraceError[];
}

/** `millrace check`: explains every mistake of a configuration and its views; exit code 1 when there is one. */
export function checkCommand(): Command {
  return new Command('check')
    .description('explain every mistake in the configuration and the views')
    .option('-c, --config <file>', 'configuration (default: millrace.config.* in this folder)')
    .option('--schema', "print the configuration's JSON schema, for editors")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  millrace check\n  millrace check --config shop.config.ts --json\n  millrace check --schema > millrace.schema.json',
    )
    .action(async (options: { config?: string; schema?: boolean; json?: boolean }) => {
      if (options.schema === true) return print(JSON.stringify(configJsonSchema(), null, 2));
      const file = findConfig(options.config, process.cwd());
      const result = await checkConfig(file);
      if (options.json === true) printResult(file, result);
      else describe(file, result);
      if (result.errors.length > 0) process.exitCode = 1;
    });
}

/** Checks a configuration and all of its views, and goes on after each mistake. */
export async function checkConfig(file: string, overrides: ConfigOverrides = {}): Promise<CheckResult> {
  const errors: MillraceError[] = [];
  const options = await keep(errors, () => loadConfig(file, overrides));
  if (options === undefined) return { options, derived: [], plans: [], guards: [], endpoints: [], errors };
  for (const { file: page, path } of options.pages) if (!existsSync(page)) errors.push(missing(`page ${path}`, page));
  for (const sample of options.samples)
    if (!existsSync(sample.file)) errors.push(missing(`sample ${sample.name}`, sample.file));
  const files = new SqlFiles();
  for (const view of options.views) await keep(errors, () => files.add(view.text, view.file));
  const { relations, views: statements } = files;
  const configured = new Map(options.streams.map((stream) => [stream.name, stream]));
  const declared = (await keep(errors, () => declare(relations, configured))) ?? NOTHING_DECLARED;
  const own = [...options.streams, ...declared.streams.map(streamOptions)];
  const derived = await planTransforms(options.transforms, own);
  errors.push(...derived.errors);
  const catalog = new Map([...own, ...derived.streams].map((stream) => [stream.name, stream]));
  const planner = new ViewPlanner(catalog, declared);
  const plans: StandingPlan[] = [];
  const guards: CheckedGuard[] = [];
  const names = new Set(catalog.keys());
  for (const statement of statements) {
    if (names.has(statement.name)) errors.push(twice(statement));
    names.add(statement.name);
    if (statement.isPlain === true) await keep(errors, () => planner.define(statement));
    else {
      const plan = await keep(errors, () => planner.plan(statement));
      if (plan === undefined) continue;
      plans.push(plan);
      const { alert } = plan;
      if (alert !== undefined) await keep(errors, () => resolvedAlert(plan.name, alert));
      const streams = await keep(errors, () => guardedStreams(plan, { ...options, streams: [...catalog.values()] }));
      if (plan.guard !== undefined && streams !== undefined)
        guards.push({ view: plan.name, guard: plan.guard, streams });
    }
  }
  const endpoints = await checkEndpoints(
    options,
    [...catalog.values()],
    plans,
    servedTables(declared, [...catalog.values()]),
    errors,
  );
  const readable = new Map([
    ...OWN_STREAMS,
    ...Array.from(catalog.values(), ({ name, schema }) => [name, schema] as const),
  ]);
  for (const table of files.inserts.keys()) await keep(errors, () => seedRows(files, table));
  const sinks = await keep(errors, () => sinkDeliveries(files, { ...options, streams: [...catalog.values()] }));
  for (const delivery of [...options.deliveries, ...(sinks ?? [])]) {
    const schema = readable.get(delivery.from);
    if (schema !== undefined) await keep(errors, () => checkDelivery(delivery, schema));
  }
  return { options: { ...options, streams: own }, derived: derived.streams, plans, guards, endpoints, errors };
}

async function checkEndpoints(
  { endpoints }: MillraceOptions,
  streams: readonly { readonly name: string; readonly schema: Schema }[],
  plans: readonly StandingPlan[],
  tables: readonly ServedTable[],
  errors: MillraceError[],
): Promise<Endpoint[]> {
  const catalog = endpointCatalog(streams, plans, tables);
  const planned: Endpoint[] = [];
  for (const endpoint of endpoints) {
    const plan = await keep(errors, () => planEndpoint(endpoint, catalog));
    if (plan !== undefined) planned.push(plan);
  }
  return planned;
}

/** Streams of Millrace's own whose rows people deliver with settings that name columns. */
const OWN_STREAMS: readonly (readonly [name: string, schema: Schema])[] = [
  [QUARANTINE_STREAM, QUARANTINE_SCHEMA],
  [LATE_STREAM, LATE_SCHEMA],
  [ACCOUNTS_STREAM, ACCOUNTS_SCHEMA],
  [EDGES_STREAM, EDGES_SCHEMA],
];

async function keep<T>(errors: MillraceError[], act: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    errors.push(error);
    return undefined;
  }
}

function missing(what: string, file: string): MillraceError {
  return new MillraceError('CONFIG_NOT_FOUND', `${what}: expected a file at '${file}', found none`, { place: file });
}

function twice({ name, file = 'views' }: ViewStatement): MillraceError {
  return new MillraceError(
    'CONFIG_INVALID',
    `${file}: '${name}' is the name of another view or stream already; expected a name of its own`,
    { place: file },
  );
}

function printResult(file: string, { options, derived, plans, guards, endpoints, errors }: CheckResult): void {
  printJson({
    file,
    ok: errors.length === 0,
    streams: options?.streams.map(({ name }) => name) ?? [],
    transforms: options?.transforms.map(({ name }) => name) ?? [],
    derived: derived.map(({ name }) => name),
    views: plans.map(({ name }) => name),
    guards: guards.map(({ view, guard, streams }) => ({ view, ...guard, streams })),
    endpoints: endpoints.map(({ name }) => name),
    errors: errors.map(({ code, message, place }) => ({ code, message, place })),
  });
}

function describe(file: string, { options, derived, plans, guards, endpoints, errors }: CheckResult): void {
  const name = relative(process.cwd(), file) || file;
  for (const error of errors) printError(error, false);
  if (errors.length > 0 || options === undefined)
    return print(`\n${name}: ${errors.length} mistake${errors.length === 1 ? '' : 's'}`);
  print(`${green('ok')} ${name}`);
  for (const stream of options.streams)
    print(
      `  stream ${stream.name}  ${dim(`${stream.schema.columns.length} columns, ${stream.partitions} partition${stream.partitions === 1 ? '' : 's'}, clock ${stream.clock}`)}`,
    );
  for (const { name, from, to, steps } of options.transforms) {
    const columns = derived.find((stream) => stream.name === to)?.schema.columns.length ?? 0;
    const verbs = steps.map(({ verb }) => verb).join(', ');
    print(`  transform ${name}  ${dim(`${from} → ${to}, ${columns} columns${verbs === '' ? '' : `: ${verbs}`}`)}`);
  }
  for (const plan of plans) {
    const lag = `lag ${formatDuration(plan.lagMs)}, corrected for ${formatDuration(plan.allowedLatenessMs)}`;
    const shape = isRelational(plan) ? '' : `${formatDuration(plan.window.sizeMs)} windows, `;
    print(`  view ${plan.name}  ${dim(`of ${sourcesOfPlan(plan).join(', ')}, ${shape}${lag}`)}`);
    for (const guard of guards) if (guard.view === plan.name) print(`    ${dim(guardText(guard))}`);
    if (plan.alert !== undefined) print(`    ${dim(alertText(plan.alert))}`);
    for (const notice of isRelational(plan) ? plan.notices : []) print(`    ${dim(notice)}`);
  }
  for (const { name, parameters } of endpoints)
    print(`  endpoint ${name}  ${dim(`/v1/endpoints/${name}?${parameters.map((one) => `${one.name}=`).join('&')}`)}`);
  print(
    `  tenants  ${dim(`${options.tenants.inline.tenants.length} in the file${options.tenants.file === undefined ? '' : `, more in ${options.tenants.file}`}`)}`,
  );
}

/** Paths and headers may hold secrets. */
function alertText({ url, everyMs }: ViewAlert): string {
  const host = URL.canParse(url) && !url.startsWith('env:') ? new URL(url).host : url;
  return `alerts ${host} once a key and ${everyMs === null ? 'window' : formatDuration(everyMs)}`;
}

function guardText({ guard, streams }: CheckedGuard): string {
  const { columns, action, label, url, forMs } = guard;
  const elsewhere = url === null ? '' : `, clicks go to ${url}`;
  const act = { label: `labels '${label}'`, block: `blocks${elsewhere}`, redirect: `labels '${label}'${elsewhere}` };
  return `guards ${streams.join(', ')} by ${columns.join(', ')}: ${act[action]}, for ${formatDuration(forMs)}`;
}
