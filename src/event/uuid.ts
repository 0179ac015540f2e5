const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** The 36 character text of the 16 bytes at `data[start]`. */
export function uuidText(data: Uint8Array, start: number): string {
  let text = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += HEX[data[start + i]!]!;
  }
  return text;
}

/** Writes the 16 bytes of a 36 character text to `target[start]`; false when it is not a uuid. */
export function parseUuid(text: string, target: Uint8Array, start: number): boolean {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return false;
  const digits = text.replaceAll('-', '');
  for (let i = 0; i < 16; i++) target[start + i] = Number.parseInt(digits.slice(i * 2, i * 2 + 2), 16);
  return true;
}
