/** A configuration as written → `MillraceOptions`: checked, with defaults, paths, units and keys resolved. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { MillraceError } from '../util/errors.js';
import { configSchema, type ConfigValues } from './config-schema.js';
import { deliveryMistakes, deliveryOptions, retryOptions } from './deliveries.js';
import { isLoopback } from './fields.js';
import { firehoseOptions } from './firehose-field.js';
import { mistakesOf, type ConfigMistake } from './issues.js';
import type { MillraceOptions, StreamOptions, TenantSourceOptions } from './options.js';
import { demoAccessKeysOf, demoKeysOf } from './tenants-field.js';
import { buildDirectory, type TenantsInput } from './tenants.js';
import { transformMistakes, transformOptions } from './transforms-field.js';
import { readEndpoints, readViews } from './views.js';

/** Settings that a command line or the environment puts over the file's. */
export interface ConfigOverrides {
  readonly port?: number;
  readonly host?: string;
  /** Relative to the working folder, unlike the file's own. */
  readonly data?: string;
  /** `false` leaves the samples out. */
  readonly samples?: boolean;
}

/** Where a configuration comes from. */
export interface ConfigSource {
  readonly file?: string;
  /** Where relative paths start. */
  readonly folder: string;
}

/** Checks and completes `input`. Throws CONFIG_INVALID listing every mistake, or DEMO_KEYS_EXPOSED. */
export function parseConfig(input: unknown, source: ConfigSource, overrides: ConfigOverrides = {}): MillraceOptions {
  const parsed = configSchema.safeParse(input);
  if (!parsed.success) throw invalid(source, mistakesOf(parsed.error.issues, input, knownKeys));
  const values = parsed.data;
  const tenants = tenantSource(values, source);
  const mistakes = references(values, source.folder);
  if (mistakes.length > 0) throw invalid(source, mistakes);
  const at = (path: string) => (isAbsolute(path) ? path : join(source.folder, path));
  const host = overrides.host ?? values.http.host;
  refuseExposedKeys(host, tenants, source);
  const { bodySizeMax, eventSizeMax, pendingSizeMax, requestTimeout, drain, ...http } = values.http;
  const dataFolder = overrides.data === undefined ? at(values.data) : resolve(overrides.data);
  return {
    file: source.file,
    folder: source.folder,
    dataFolder,
    http: {
      ...http,
      host,
      port: overrides.port ?? http.port,
      bodyBytesMax: bodySizeMax,
      eventBytesMax: eventSizeMax,
      pendingBytesMax: pendingSizeMax,
      requestTimeoutMs: requestTimeout,
      drainMs: drain,
    },
    feed: values.feed,
    streams: Object.entries(values.streams).map(([name, stream]) => streamOptions(name, stream)),
    transforms: transformOptions(values.transforms, source.folder),
    deliveries: Object.entries(values.deliveries).map(([name, delivery]) =>
      deliveryOptions(name, delivery, at, dataFolder),
    ),
    alerts: {
      allowPrivate: values.alerts.allowPrivate,
      timeoutMs: values.alerts.timeout,
      retry: retryOptions(values.alerts.retry),
    },
    views: readViews(values.views, source.folder),
    endpoints: readEndpoints(values.endpoints, source.folder),
    tenants,
    firehose: firehoseOptions(values.firehose, at),
    ...stageOptions(values),
    pages: values.pages.map(({ path, file }) => ({ path, file: at(file) })),
    samples: overrides.samples === false ? [] : values.samples.map((sample) => ({ ...sample, file: at(sample.file) })),
    messages: values.messages,
  };
}

function stageOptions(values: ConfigValues): Pick<MillraceOptions, 'collect' | 'log' | 'mill' | 'lake' | 'query'> {
  const { collect, log, mill, lake, query } = values;
  return {
    collect: {
      defaultStream: collect.defaultStream,
      futureMs: collect.futureMax,
      quarantineTenantBytesMax: collect.quarantineTenantSizeMax,
      quarantineEventBytesMax: collect.quarantineEventSizeMax,
      dedupe: { windowMs: collect.dedupeWindow, idsMax: collect.dedupeIdsMax },
      signingKeys: collect.signingKeys,
      clickWaitMs: collect.clickWait,
      guards: { keysMax: collect.guardKeysMax, behindMaxMs: collect.guardBehindMax },
    },
    log: { segmentBytes: log.segmentSize, pendingBytesMax: log.pendingSizeMax },
    mill: {
      stateBytesMax: mill.stateSizeMax,
      checkpointMs: mill.checkpoint,
      epochKeepMs: mill.epochKeep,
      swap: mill.swap,
    },
    lake: {
      runRowsMax: lake.runRowsMax,
      runMs: lake.run,
    },
    query: {
      timeoutMs: query.timeout,
      rowsMax: query.rowsMax,
      resultBytesMax: query.resultSizeMax,
      cacheBytesMax: query.cacheSizeMax,
      memoryBytesMax: query.memorySizeMax,
      concurrentMax: query.concurrentMax,
      tenantConcurrentMax: query.tenantConcurrentMax,
      ...(query.heavyConcurrentMax === undefined ? {} : { heavyConcurrentMax: query.heavyConcurrentMax }),
      waitingMax: query.waitingMax,
      tenantWaitingMax: query.tenantWaitingMax,
    },
  };
}

function streamOptions(name: string, stream: ConfigValues['streams'][string]): StreamOptions {
  const { schema, partitions, clock, retention, sizeMax, policy, lake } = stream;
  return { name, schema, partitions, clock, retentionMs: retention, bytesMax: sizeMax, policy, lake };
}

/** The tenants of the configuration, checked together with those of the tenants file. */
function tenantSource(values: ConfigValues, source: ConfigSource): TenantSourceOptions {
  const { operators, operatorAccessKeys } = values;
  const inline = { tenants: values.tenants, operators, operatorAccessKeys } as TenantsInput;
  const name = source.file === undefined ? 'the configuration' : basename(source.file);
  buildDirectory(inline, name);
  const file = values.tenantsFile === undefined ? undefined : resolve(source.folder, values.tenantsFile);
  const inputs = file === undefined ? [inline] : [inline, readTenantsFile(file)];
  return { inline, file, demoKeys: inputs.flatMap(demoKeysOf), demoAccessKeys: inputs.flatMap(demoAccessKeysOf) };
}

function readTenantsFile(file: string): TenantsInput {
  if (!existsSync(file))
    throw new MillraceError('CONFIG_NOT_FOUND', `${file}: the tenants file does not exist`, { place: file });
  try {
    const input = JSON.parse(readFileSync(file, 'utf8')) as TenantsInput;
    buildDirectory(input, file);
    return input;
  } catch (cause) {
    if (cause instanceof MillraceError)
      throw new MillraceError(cause.code, `${file}: ${cause.message}`, { place: file, cause });
    throw new MillraceError(
      'CONFIG_INVALID',
      `${file}: expected JSON { "tenants": [ … ] }: ${(cause as Error).message}`,
      { place: file, cause },
    );
  }
}

/** Names that must exist elsewhere in the configuration. */
function references(values: ConfigValues, folder: string): ConfigMistake[] {
  const streams = Object.keys(values.streams);
  const tenants = new Set(values.tenants.map(({ id }) => id));
  const expected = `expected a stream: ${streams.join(', ')}`;
  const mistakes = transformMistakes(values.transforms, streams, folder);
  if (!streams.includes(values.collect.defaultStream))
    mistakes.push({ path: 'collect.defaultStream', message: `${expected}, found '${values.collect.defaultStream}'` });
  for (const [index, sample] of values.samples.entries()) {
    if (!streams.includes(sample.stream))
      mistakes.push({ path: `samples[${index}].stream`, message: `${expected}, found '${sample.stream}'` });
    if (values.tenantsFile === undefined && !tenants.has(sample.tenant))
      mistakes.push({
        path: `samples[${index}].tenant`,
        message: `expected a tenant: ${[...tenants].join(', ')}, found '${sample.tenant}'`,
      });
  }
  const derived = Object.entries(values.transforms).map(([name, { to = name }]) => to);
  mistakes.push(...deliveryMistakes(values.deliveries, [...streams, ...derived]));
  return mistakes;
}

function refuseExposedKeys(host: string, tenants: TenantSourceOptions, source: ConfigSource): void {
  const count = tenants.demoKeys.length + tenants.demoAccessKeys.length;
  if (isLoopback(host) || count === 0) return;
  const keys = `${count} key${count === 1 ? '' : 's'}`;
  const message =
    `http.host '${host}' is reachable from other machines, and ${keys} stand in clear in the configuration. ` +
    'Expected host 127.0.0.1, or only hashed keys (`millrace key` makes a key and its hash) and access keys from ' +
    "the environment (`secret: { env: 'NAME' }`)";
  throw new MillraceError('DEMO_KEYS_EXPOSED', message, { place: source.file ?? 'http.host' });
}

/** The names that an object of the configuration may have at `path`. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  let at: unknown = z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
  for (const part of path) {
    const { properties, additionalProperties, items } = at as {
      properties?: Record<string, unknown>;
      additionalProperties?: unknown;
      items?: unknown;
    };
    at = typeof part === 'number' ? items : (properties?.[String(part)] ?? additionalProperties);
    if (typeof at !== 'object' || at === null) return [];
  }
  return Object.keys((at as { properties?: object }).properties ?? {});
}

function invalid(source: ConfigSource, mistakes: readonly ConfigMistake[]): MillraceError {
  const name = source.file ?? 'configuration';
  const lines = mistakes.map(({ path, message }) => `${name}: ${path === '' ? '' : `${path}: `}${message}`);
  return new MillraceError('CONFIG_INVALID', lines.join('\n'), { place: name });
}

/** The folder of a configuration file, where its relative paths start. */
export function sourceOf(file: string): ConfigSource {
  return { file: resolve(file), folder: dirname(resolve(file)) };
}
