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

/** The texts of `count` uuids, one after the other in `data`. */
export function uuidTexts(data: Uint8Array, count: number): string[] {
  const hex = Buffer.from(data.buffer, data.byteOffset, count * 16).toString('hex');
  return Array.from({ length: count }, (_, index) => {
    const at = index * 32;
    const part = (from: number, to: number): string => hex.slice(at + from, at + to);
    return `${part(0, 8)}-${part(8, 12)}-${part(12, 16)}-${part(16, 20)}-${part(20, 32)}`;
  });
}

/** The value of a hex digit by its code, -1 for any other. */
const DIGIT = new Int8Array(256).fill(-1);
for (let value = 0; value < 16; value++) {
  DIGIT['0123456789abcdef'.charCodeAt(value)] = value;
  DIGIT['0123456789ABCDEF'.charCodeAt(value)] = value;
}

const HYPHEN = 0x2d;

/** Writes the 16 bytes of a 36 character text to `target[start]`; false when it is not a uuid. */
export function parseUuid(text: string, target: Uint8Array, start: number): boolean {
  if (text.length !== 36) return false;
  let at = start;
  for (let i = 0; i < 36; i += 2) {
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      if (text.charCodeAt(i) !== HYPHEN) return false;
      i++;
    }
    const high = text.charCodeAt(i);
    const low = text.charCodeAt(i + 1);
    const byte = high > 255 || low > 255 ? -1 : (DIGIT[high]! << 4) | DIGIT[low]!;
    if (byte < 0) return false;
    target[at++] = byte;
  }
  return true;
}
