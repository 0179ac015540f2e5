/**
 * `mask`: only a part of a text stays: its last characters behind stars, or the network of an
 * address (IPv4 /24, IPv6 /48). What should be an address and is none becomes NULL, or empty where
 * the column takes no NULL: nothing gets through by not being understood.
 */
import { isIP } from 'node:net';
import type { MaskOptions, MaskRule } from '../../config/transform-options.js';
import { withColumns } from '../rows.js';
import { mapTexts, TextMap } from '../texts.js';
import { columnAt, refuseRole, type Verb } from '../verb.js';

/** The verb. */
export const mask: Verb<MaskOptions> = {
  plan({ columns }, context) {
    const { schema } = context;
    const maps = new Map<number, TextMap<string | null>>();
    for (const [name, rule] of Object.entries(columns)) {
      const index = columnAt(context, name, ['string', 'dictionary'], `mask.${name}`);
      refuseRole(context, index, `mask.${name}`, ['tenant', 'eventId']);
      maps.set(index, new TextMap(masked(rule, schema.columns[index]!.nullable)));
    }
    const sources = schema.columns.map(({ type }, index) => {
      const map = maps.get(index);
      if (map === undefined) return index;
      return (rows: Parameters<typeof mapTexts>[2]) => mapTexts(rows.batch.column(index), type, rows, map);
    });
    return { schema, open: () => ({ run: (rows) => withColumns(rows, schema, sources) }) };
  },
};

function masked(rule: MaskRule, nullable: boolean): (text: string) => string | null {
  if (rule === 'ip') return (text) => network(text) ?? (nullable ? null : '');
  const { keepLast } = rule;
  return (text) => {
    const characters = [...text];
    const hidden = Math.max(0, characters.length - keepLast);
    return '*'.repeat(hidden) + characters.slice(hidden).join('');
  };
}

/** An address without what tells one machine from another in its network; undefined: it is none. */
function network(text: string): string | undefined {
  const version = isIP(text);
  if (version === 4) return withoutLast(text);
  if (version === 0) return undefined;
  const [address] = text.split('%') as [string];
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return `::ffff:${withoutLast(mapped[1]!)}`;
  // A URL writes an address in its one canonical form.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  const first = head === '' ? [] : head.split(':');
  const last = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => '0'), ...last];
  return new URL(`http://[${groups.slice(0, 3).join(':')}::]`).hostname.slice(1, -1);
}

function withoutLast(address: string): string {
  return `${address.slice(0, address.lastIndexOf('.'))}.0`;
}
