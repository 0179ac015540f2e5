/** Texts that every database can keep: a zero byte and a lone half of a surrogate pair become U+FFFD. */

const LONES = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const LONE = new RegExp(LONES.source);

/** A text. */
export function storable(text: string): string {
  const whole = text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text;
  return LONE.test(whole) ? whole.replaceAll(LONES, '\ufffd') : whole;
}

/** A text of JSON, where both are escapes: `JSON.stringify` writes a lone half as one, and a pair never. */
export function storableJson(text: string): string {
  return text.replaceAll(/(?<!\\)((?:\\\\)*)\\u(?:0000|d[89a-f][0-9a-f]{2})/g, '$1\\ufffd');
}
