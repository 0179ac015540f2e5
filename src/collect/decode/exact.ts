/** A number that can't be kept exactly: it has digits that the type would lose, or is too large for it. */
export type Inexact = 'fraction' | 'range' | 'malformed';

const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/;

/** More digits than any type here keeps: stops a short text from becoming a huge integer. */
const DIGITS_MAX = 40;

/** The number in `text` times ten to the `scale`, digit by digit; never through a double. */
export function exactInteger(text: string, scale: number): bigint | Inexact {
  const match = NUMBER.exec(text);
  if (match === null) return 'malformed';
  const [, sign, whole, fraction = '', exponent = '0'] = match;
  const digits = (whole! + fraction).replace(/^0+/, '');
  if (digits === '') return 0n;
  const kept = digits.replace(/0+$/, '');
  const power = Number(exponent) - fraction.length + scale + (digits.length - kept.length);
  if (kept.length + power > DIGITS_MAX) return 'range';
  if (power < 0) return 'fraction';
  const value = BigInt(kept) * 10n ** BigInt(power);
  return sign === '-' ? -value : value;
}
