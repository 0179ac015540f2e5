/** An original, to be read by people. */
export interface ShownOriginal {
  readonly kind: 'json' | 'text' | 'bytes';
  readonly text: string;
}

const HEX_BYTES_MAX = 1_024;

/** Decodes base 64: JSON with indents, other text as it is, other bytes as hex. Null stays null. */
export function decodeOriginal(base64: string | null): ShownOriginal | null {
  if (base64 === null) return null;
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const text = asText(bytes);
  if (text === null) return { kind: 'bytes', text: hex(bytes) };
  return isJson(text) ? { kind: 'json', text: indent(text) } : { kind: 'text', text };
}

function asText(bytes: Uint8Array<ArrayBuffer>): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Not UTF-8: shown as bytes.
    return null;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // Text is shown as text.
    return false;
  }
}

/** Only space is changed, between the tokens of valid JSON: numbers stay as they were written, however long. */
function indent(json: string): string {
  let out = '';
  let depth = 0;
  const line = (by: number): string => `\n${'  '.repeat((depth += by))}`;
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === '{' || token === '[') out += token + line(1);
    else if (token === '}' || token === ']') out += line(-1) + token;
    else if (token === ',') out += token + line(0);
    else if (token === ':') out += ': ';
    else out += /^[{[]/.test(token) ? token[0]! + token.at(-1)! : token;
  }
  return out;
}

function hex(bytes: Uint8Array): string {
  const shown = Array.from(bytes.subarray(0, HEX_BYTES_MAX), (byte) => byte.toString(16).padStart(2, '0'));
  const lines: string[] = [];
  for (let at = 0; at < shown.length; at += 16) lines.push(shown.slice(at, at + 16).join(' '));
  return lines.join('\n') + (bytes.length > HEX_BYTES_MAX ? '\n…' : '');
}
