/** `to_char(x, 'RN')`: Roman numerals. */
const DIGITS: readonly (readonly [number, string])[] = [
  [1000, 'M'],
  [900, 'CM'],
  [500, 'D'],
  [400, 'CD'],
  [100, 'C'],
  [90, 'XC'],
  [50, 'L'],
  [40, 'XL'],
  [10, 'X'],
  [9, 'IX'],
  [5, 'V'],
  [4, 'IV'],
  [1, 'I'],
];
const ROMAN_MAX = 3_999;
/** Letters of the longest numeral, 3888. */
const WIDTH = 15;

/** The printer of a pattern that is nothing but `RN`, with `FM` or not; undefined for any other pattern. */
export function romanFormat(pattern: string): ((value: number) => string) | undefined {
  const match = /^(FM|fm)?(RN|rn)$/.exec(pattern);
  if (match === null) return undefined;
  return (value) => {
    if (!(value >= 1 && value <= ROMAN_MAX)) return '#'.repeat(WIDTH);
    let rest = value;
    let text = '';
    for (const [size, letters] of DIGITS) {
      for (; rest >= size; rest -= size) text += letters;
    }
    const shown = match[2] === 'rn' ? text.toLowerCase() : text;
    return match[1] === undefined ? shown.padStart(WIDTH) : shown;
  };
}
