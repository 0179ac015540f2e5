import { Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../io/clock.js';
import { MillraceError } from '../util/errors.js';
import { generatedEvents } from './generate/source.js';
import { tenantNames, type TrafficTotals } from './generate/traffic.js';
import { FORMATS, type EventSource, type InputFormat } from './inputs/input.js';
import { openInput } from './inputs/open-input.js';
import { bold, count, dim, print, printJson } from './output.js';
import { keyChoice } from './send/keys.js';
import { durationText, ProgressBar } from './send/progress-bar.js';
import { sendEvents, type SendTotals } from './send/sender.js';
import { withServer, type ServerOptions } from './server.js';

interface SendOptions extends ServerOptions {
  readonly keys?: string;
  readonly tenantField: string;
  readonly stream?: string;
  readonly format?: InputFormat;
  readonly name?: string;
  readonly set: Readonly<Record<string, string>>;
  readonly raw?: readonly string[];
  readonly utc?: readonly string[];
  readonly rename: Readonly<Record<string, string>>;
  readonly generate?: number;
  readonly seed?: number;
  readonly tenants?: readonly string[];
  readonly start?: number;
  readonly simulatedRate?: number;
  readonly rate?: number;
  readonly batch: number;
  readonly concurrency: number;
  readonly json?: boolean;
}

const EXAMPLES = `
Formats:
  ndjson     one JSON object a line (.ndjson, .jsonl)
  json       JSON values with or without separators, as in Firehose objects (anything else)
  csv        a header, then a row an event (.csv)
  combined   a web server's access log (.log, access*)
Files may be gzip. What fails for a while (429, 503, no connection) is sent again.

Examples:
  millrace send events.ndjson.gz
  millrace send access.log.gz --stream web_log
  millrace send spend.csv --set tenant_id=acme --rename timestamp=event_time --utc timestamp
  millrace send --generate 1000000 --tenants 15000 --rate 20000
  aws s3 cp s3://bucket/2025/05/17/10/object - | millrace send -`;

/** `millrace send`: sends files or generated traffic to a running Millrace. */
export function sendCommand(): Command {
  return withServer(new Command('send'))
    .description('send events: a file, an access log, or generated ad traffic')
    .argument('[file]', 'the file; - is standard input')
    .option('--keys <file>', 'keys by tenant, a JSON object; --key is for the rest')
    .option('--tenant-field <name>', 'the field that names the tenant, for --keys', 'tenant_id')
    .option('--stream <name>', "the stream; default is the server's")
    .addOption(new Option('--format <format>', 'what the file is (default: by its name)').choices(FORMATS))
    .option('--name <name>', "access logs: what ids start with (default: the file's name)")
    .option('--set <field=value>', 'csv, combined: a field for every event; repeat for more', pair, {})
    .option('--rename <header=field>', 'csv: another name for a column; repeat for more', pair, {})
    .option('--raw <headers...>', 'csv: columns whose cells are JSON (numbers, booleans, lists)')
    .option('--utc <headers...>', 'csv: columns of times without a zone, meant as UTC')
    .option('--generate <count>', 'generate so many events of ad traffic', positive)
    .option('--seed <number>', 'generate: the same seed, tenants and start give the same events', whole)
    .option(
      '--tenants <list>',
      'generate: how many advertisers, or their names with commas between (default: 1000)',
      tenantList,
    )
    .option('--start <time>', 'generate: when the first event happens (default: so that the last happens now)', time)
    .option(
      '--simulated-rate <rate>',
      'generate: events a second of their own time (default: --rate, else 1000)',
      positive,
    )
    .option('--rate <events>', 'events a second (default: as fast as they are taken)', positive)
    .option('--batch <events>', 'events a request', positive, 500)
    .option('--concurrency <requests>', 'requests under way at once', positive, 4)
    .option('--json', 'print the totals as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string | undefined, options: SendOptions) => send(file, options));
}

async function send(file: string | undefined, options: SendOptions): Promise<void> {
  if ((file === undefined) === (options.generate === undefined))
    throw new MillraceError(
      'CONFIG_INVALID',
      'expected either a file or --generate COUNT; `millrace send --help` shows examples',
    );
  const keyOf = keyChoice(options.key, options.keys, options.tenantField);
  const source = file === undefined ? generated(options) : await opened(file, options);
  const bar = new ProgressBar(options.json === true ? { write() {} } : process.stderr, () => systemClock.monotonic());
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal);
  const start = systemClock.monotonic();
  try {
    const totals = await sendEvents(source, {
      url: options.url ?? 'http://127.0.0.1:7070',
      ...(options.stream === undefined ? {} : { stream: options.stream }),
      ...(options.rate === undefined ? {} : { rate: options.rate }),
      keyOf,
      batchEvents: options.batch,
      concurrency: options.concurrency,
      clock: systemClock,
      random: Math.random,
      signal: stop.signal,
      onProgress: (now) => bar.show(now, source.progress()),
    });
    bar.clear();
    report(
      totals,
      (systemClock.monotonic() - start) / 1000,
      'totals' in source ? (source as { totals: TrafficTotals }).totals : undefined,
      options,
    );
  } finally {
    bar.clear();
    process.removeListener('SIGINT', onSignal);
  }
}

function opened(file: string, options: SendOptions): Promise<EventSource> {
  return openInput(file, {
    ...(options.format === undefined ? {} : { format: options.format }),
    ...(options.name === undefined ? {} : { name: options.name }),
    set: options.set,
    csv: { raw: options.raw ?? [], utc: options.utc ?? [], rename: options.rename },
  });
}

function generated(options: SendOptions): EventSource {
  const events = options.generate!;
  const rate = options.simulatedRate ?? options.rate ?? 1000;
  const now = systemClock.now();
  // Sent at the rate at which it happens, traffic is live; else it is the past up to now.
  const live = options.rate === rate;
  return generatedEvents(events, {
    seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
    tenants: options.tenants ?? tenantNames(1000),
    startMs: options.start ?? (live ? now : now - (events / rate) * 1000),
    rate,
  });
}

function report(
  totals: SendTotals,
  seconds: number,
  generatedTotals: TrafficTotals | undefined,
  options: SendOptions,
): void {
  const perSecond = Math.round(totals.sent / Math.max(seconds, 0.001));
  if (options.json === true) {
    printJson({
      ...totals,
      seconds,
      perSecond,
      ...(generatedTotals === undefined ? {} : { generated: generatedTotals }),
    });
    return;
  }
  print(
    `${bold(`${count(totals.sent)} events sent`)} in ${durationText(seconds * 1000)} (${count(perSecond)}/s, ${(totals.bytes / 1e6).toFixed(1)} MB, ${count(totals.requests)} requests${totals.retries > 0 ? `, ${count(totals.retries)} sent again` : ''})`,
  );
  print(`  accepted    ${count(totals.accepted)}`);
  print(`  duplicates  ${count(totals.duplicates)}`);
  print(`  rejected    ${count(totals.rejected)}${totals.rejected > 0 ? dim('  kept in the quarantine stream') : ''}`);
  if (generatedTotals !== undefined) {
    const { impressions, clicks, conversions, bots, duplicates, late } = generatedTotals;
    print(
      dim(
        `  generated: ${count(impressions)} impressions, ${count(clicks)} clicks, ${count(conversions)} conversions; ${count(bots)} by bots, ${count(duplicates)} resent, ${count(late)} late`,
      ),
    );
  }
  for (const { number, code, message } of totals.rejections) print(`  event ${count(number + 1)}: ${code} ${message}`);
  if (totals.rejected > totals.rejections.length)
    print(dim(`  and ${count(totals.rejected - totals.rejections.length)} more`));
}

function positive(text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number from 1.');
  return value;
}

function whole(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError('expected a whole number.');
  return Number(text);
}

function time(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('expected ms since 1970 or an ISO 8601 time.');
  return ms;
}

function pair(text: string, earlier: Readonly<Record<string, string>>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('expected NAME=VALUE.');
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}

function tenantList(text: string): readonly string[] {
  return /^\d+$/.test(text) ? tenantNames(positive(text)) : text.split(',').map((name) => name.trim());
}
