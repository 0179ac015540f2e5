/** CREATE SINK in the files of views: deliveries, as the configuration has them. */
import { resolve } from 'node:path';
import { deliveryOptions } from './config/deliveries.js';
import { deliveryField } from './config/deliveries-field.js';
import { mistakesOf } from './config/issues.js';
import type { DeliveryOptions, MillraceOptions } from './config/options.js';
import { sinkMistakes } from './config/sinks/index.js';
import { bindError } from './sql/context.js';
import type { SqlFiles } from './sql/sql-files.js';
import type { CreateSink } from './sql/statements/statement.js';

/** Options that are the delivery's; all others are the sink's. */
const OWN = new Set(['filter', 'buffer', 'retry', 'requestsMax', 'start']);

/**
 * The deliveries of all sinks. `WITH (connector = 'http', url = '…', buffer.interval = '5 s')` is
 * `{ to: { type: 'http', url }, buffer: { interval } }`; names may be written with underscores.
 *
 * @throws SQL_* with file, line, column, a caret, and what to write instead.
 */
export function sinkDeliveries(
  files: SqlFiles,
  {
    dataFolder,
    deliveries,
    folder,
    streams,
  }: Pick<MillraceOptions, 'dataFolder' | 'deliveries' | 'folder'> & {
    readonly streams: readonly { readonly name: string }[];
  },
): DeliveryOptions[] {
  const names = new Set(deliveries.map(({ name }) => name));
  return files.sinks.map((sink) => {
    if (names.has(sink.name))
      throw refused(sink, `there is a delivery "${sink.name}" already`, 'Give one another name.');
    if (sink.format !== null)
      throw refused(sink, 'FORMAT … ENCODE …: not supported', "Say it as an option of the connector: format = 'json'.");
    const from = sourceOf(sink, files, new Set(streams.map(({ name }) => name)));
    const parsed = [textsOf, valuesOf].map((read) => deliveryField.safeParse(inputOf(sink, from, read)));
    const taken = parsed.find(({ success }) => success);
    const mistakes =
      taken?.data === undefined
        ? mistakesOf(parsed[0]!.error!.issues, inputOf(sink, from, textsOf), () => [])
        : sinkMistakes(from, taken.data.to).map(({ message, path }) => ({ path: `to.${path}`, message }));
    if (taken?.data !== undefined && mistakes.length === 0)
      return deliveryOptions(sink.name, taken.data, (path) => resolve(folder, path), dataFolder);
    const told = mistakes.map(({ message, path }) => `${path}: ${message}`).join('; ');
    throw refused(sink, told, 'The options are those of a delivery in the configuration; connector is its type.');
  });
}

function refused(sink: CreateSink, what: string, instead: string): Error {
  return bindError(sink, 'SQL_UNSUPPORTED', what, sink.location, instead);
}

/** The stream that a sink reads: of a view its changes. */
function sourceOf(sink: CreateSink, files: SqlFiles, streams: ReadonlySet<string>): string {
  const { location, name } = sink.from!;
  const view = files.views.find((one) => one.name === name);
  if (view !== undefined && view.isPlain !== true) return `view.${name}`;
  if (view === undefined && streams.has(name)) return name;
  throw bindError(
    sink,
    'SQL_UNKNOWN_RELATION',
    view === undefined ? `there is no view or stream "${name}"` : `nothing is kept of the view "${name}"`,
    location,
    'A sink reads a materialized view or a stream.',
  );
}

type Read = (value: string) => unknown;

const textsOf: Read = (value) => value;
const valuesOf: Read = (value) =>
  value === 'true' || value === 'false' ? value === 'true' : /^\d+$/.test(value) ? Number(value) : value;

function inputOf(sink: CreateSink, from: string, read: Read): Record<string, unknown> {
  const to: Record<string, unknown> = {};
  const input: Record<string, unknown> = { from, to };
  for (const [name, { value }] of sink.options) {
    const path = name.split('.').map((part) => part.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()));
    if (path[0] === 'connector') to.type = value;
    else put(OWN.has(path[0]!) ? input : to, path, read(value));
  }
  return input;
}

function put(into: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first, ...rest] = path as [string, ...string[]];
  if (rest.length === 0) into[first] = value;
  else put((into[first] ??= {}) as Record<string, unknown>, rest, value);
}
