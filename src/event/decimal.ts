/** Millionths in one: the scale of `decimal`, `decimal(18,6)`. */
const ONE = 1_000_000n;

/** `1230000n` → `"1.230000"`. */
export function decimalText(millionths: bigint): string {
  const sign = millionths < 0n ? '-' : '';
  const size = millionths < 0n ? -millionths : millionths;
  return `${sign}${size / ONE}.${String(size % ONE).padStart(6, '0')}`;
}

/** `"1.23"` → `1230000n`; undefined when it is not a decimal with at most six digits behind the point. */
export function parseDecimal(text: string): bigint | undefined {
  const match = /^(-?)(\d{1,13})(?:\.(\d{1,6}))?$/.exec(text);
  if (match === null) return undefined;
  const size = BigInt(match[2]!) * ONE + BigInt((match[3] ?? '').padEnd(6, '0'));
  const value = match[1] === '-' ? -size : size;
  return BigInt.asIntN(64, value) === value ? value : undefined;
}
