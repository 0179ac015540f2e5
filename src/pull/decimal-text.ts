/** A decimal number as the one text that all writings of it share: `3.250` is `3.25`, `-0` is `0`. Others stay as they are. */
export function decimalText(text: string): string {
  const match = /^([+-]?)0*(\d+)(?:\.(\d*?)0*)?$/.exec(text.trim());
  if (match === null) return text;
  const [, sign, whole, fraction = ''] = match;
  const number = fraction === '' ? whole! : `${whole!}.${fraction}`;
  return sign === '-' && /[1-9]/.test(number) ? `-${number}` : number;
}
