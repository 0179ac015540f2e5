/**
 * As much XML as an S3 answer has: elements, text, the predefined and numeric entities, CDATA.
 * Attributes are read over, and so are comments, the declaration and instructions. A DOCTYPE is refused,
 * with it everything that entities could be used for.
 */

/** An element. Prefixes and attributes are left out. */
export interface XmlElement {
  readonly name: string;
  readonly children: readonly XmlElement[];
  /** Its own text, white space and all. */
  readonly text: string;
}

/** Deepest nesting; S3 uses five. */
const DEPTH_MAX = 16;

const NAME = String.raw`[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?`;
const ATTRIBUTE = String.raw`\s+${NAME}\s*=\s*(?:"[^"<]*"|'[^'<]*')`;
const TOKEN = new RegExp(
  [
    String.raw`<!--[\s\S]*?-->`,
    String.raw`<\?[\s\S]*?\?>`,
    String.raw`<!\[CDATA\[(?<cdata>[\s\S]*?)\]\]>`,
    String.raw`</(?<close>${NAME})\s*>`,
    String.raw`<(?<open>${NAME})(?:${ATTRIBUTE})*\s*(?<empty>/)?>`,
    String.raw`(?<text>[^<]+)`,
  ].join('|'),
  'y',
);

interface OpenElement {
  readonly qualified: string;
  readonly children: XmlElement[];
  text: string;
}

/** The root element. Throws an Error that says where the text is not such XML. */
export function parseXml(xml: string): XmlElement {
  const document: OpenElement = { qualified: '', children: [], text: '' };
  const open: OpenElement[] = [document];
  TOKEN.lastIndex = xml.startsWith('\ufeff') ? 1 : 0;
  while (TOKEN.lastIndex < xml.length) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(xml)?.groups;
    const top = open.at(-1)!;
    if (groups === undefined) throw wrong('no XML', at);
    if (groups['text'] !== undefined) top.text += decode(groups['text'], at);
    else if (groups['cdata'] !== undefined) top.text += groups['cdata'];
    else if (groups['open'] !== undefined) {
      if (open.length > DEPTH_MAX) throw wrong(`nested deeper than ${DEPTH_MAX}`, at);
      open.push({ qualified: groups['open'], children: [], text: '' });
      if (groups['empty'] !== undefined) close(open);
    } else if (groups['close'] !== undefined) {
      if (groups['close'] !== top.qualified) throw wrong(`</${groups['close']}> closes nothing`, at);
      close(open);
    }
  }
  const [root, ...others] = document.children;
  if (open.length > 1 || root === undefined || others.length > 0 || document.text.trim() !== '')
    throw wrong('not one whole element', xml.length);
  return root;
}

/** Ends the innermost element. */
function close(open: OpenElement[]): void {
  const { qualified, children, text } = open.pop()!;
  open.at(-1)!.children.push({ name: qualified.slice(qualified.indexOf(':') + 1), children, text });
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

function decode(text: string, at: number): string {
  if (!text.includes('&')) return text;
  return text.replaceAll(/&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|(\w{1,8}));|&/g, (_found, decimal, hex, name) => {
    if (name !== undefined && Object.hasOwn(ENTITIES, name)) return ENTITIES[name]!;
    const point = decimal !== undefined ? Number(decimal) : Number.parseInt(hex ?? 'x', 16);
    if (!(point <= 0x10ffff)) throw wrong('an unknown entity', at);
    return String.fromCodePoint(point);
  });
}

function wrong(what: string, at: number): Error {
  return new Error(`${what} at character ${at}`);
}

/** The text of the first child of that name. */
export function childText(element: XmlElement, name: string): string | undefined {
  return element.children.find((child) => child.name === name)?.text;
}

/** `text` as it stands between tags. */
export function escapeXml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
