/**
 * `enrich`: what a user agent says of itself, as columns: `browser`, `os`, `device` (`desktop`,
 * `mobile`, `tablet`, `tv`) and `bot`. Families only, without versions: browsers have frozen those.
 * Where somebody is, an address does not say without a database, and none comes with Millrace.
 */
import { isbot } from 'isbot';
import type { EnrichOptions } from '../../config/transform-options.js';
import { isNull, type Column } from '../../event/columns.js';
import type { ColumnDefinition } from '../../event/schema.js';
import { columnBuilder } from '../../sql/column-builder.js';
import { schemaOf, withColumns, type ColumnSource, type Rows } from '../rows.js';
import { TextMap } from '../texts.js';
import { addColumns, columnAt, type Verb } from '../verb.js';

/** Longest user agent that is judged: the rest tells nothing, and patterns take time. */
const AGENT_LENGTH_MAX = 1024;

const AGENTS_KEPT = 10_000;

/** In this order: many say that they are several. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\bOPR\/|\bOpera\b/, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\bYaBrowser\//, 'Yandex'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\bUCBrowser\//, 'UC Browser'],
  [/\bFirefox\/|\bFxiOS\//, 'Firefox'],
  [/\bMSIE |\bTrident\//, 'Internet Explorer'],
  [/\bChrome\/|\bCriOS\/|\bChromium\//, 'Chrome'],
  [/\bVersion\/[\d.]+.*\bSafari\//, 'Safari'],
];

const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\bWindows Phone\b/, 'Windows Phone'],
  [/\bWindows\b/, 'Windows'],
  [/\biPhone\b|\biPad\b|\biPod\b/, 'iOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bMac OS X\b|\bMacintosh\b/, 'macOS'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bTizen\b/, 'Tizen'],
  [/\bWeb0S\b|\bwebOS\b/, 'webOS'],
  [/\bLinux\b|\bX11\b/, 'Linux'],
];

interface Agent {
  readonly browser: string | null;
  readonly os: string | null;
  readonly device: string | null;
  readonly bot: boolean;
}

const FIELDS = ['browser', 'os', 'device', 'bot'] as const;

/** The verb. */
export const enrich: Verb<EnrichOptions> = {
  plan({ userAgent, prefix }, context) {
    const { schema } = context;
    const index = columnAt(context, userAgent, ['string', 'dictionary'], 'enrich.userAgent');
    const added = FIELDS.map((field): ColumnDefinition => ({
      name: prefix + field,
      type: field === 'bot' ? 'boolean' : 'dictionary',
      nullable: true,
    }));
    const columns = addColumns(context, added, 'enrich.prefix');
    const after = schemaOf(schema, columns);
    const agents = new TextMap(read, AGENTS_KEPT);
    const sources = columns.map((column): ColumnSource => {
      const field = FIELDS[added.indexOf(column)];
      if (field === undefined) return schema.columns.indexOf(column);
      return (rows) => fieldColumn(rows, index, column, agents, field);
    });
    return { schema: after, open: () => ({ run: (rows) => withColumns(rows, after, sources) }) };
  },
};

function fieldColumn(
  { batch }: Rows,
  index: number,
  { type }: ColumnDefinition,
  agents: TextMap<Agent>,
  field: (typeof FIELDS)[number],
): Column {
  const column = batch.column(index);
  const agent = agents.over(column);
  const builder = columnBuilder(type);
  for (let row = 0; row < batch.rows; row++) builder.add(isNull(column.nulls, row) ? null : agent(row)[field]);
  return builder.build();
}

function read(text: string): Agent {
  const agent = text.slice(0, AGENT_LENGTH_MAX);
  const bot = isbot(agent);
  const os = first(SYSTEMS, agent);
  return { browser: first(BROWSERS, agent), os, device: bot ? null : deviceOf(agent, os), bot };
}

function first(list: readonly (readonly [RegExp, string])[], agent: string): string | null {
  return list.find(([pattern]) => pattern.test(agent))?.[1] ?? null;
}

function deviceOf(agent: string, os: string | null): string | null {
  if (/\bSmart-?TV\b|\bTV\b|\bAppleTV\b|\bBRAVIA\b/i.test(agent) || os === 'webOS') return 'tv';
  if (/\biPad\b|\bTablet\b/.test(agent)) return 'tablet';
  if (os === 'Android') return /\bMobile\b/.test(agent) ? 'mobile' : 'tablet';
  if (os === 'iOS' || os === 'Windows Phone' || /\bMobile\b/.test(agent)) return 'mobile';
  return os === null ? null : 'desktop';
}
