/** A decimal number as the one text that all writings of it share: `3.250` is `3.25`, `-0` is `0`. Others stay as they are. */
export function decimalText(text: string): string {
  const match = /^([+-]?)0*(\d+)(?:\.(\d*?)0*)?$/.exec(text.trim());
  if (match === null) return text;
  const [, sign, whole, fraction = ''] = match;
  const number = fraction === '' ? whole! : `${whole!}.${fraction}`;
  return sign === '-' && /[1-9]/.test(number) ? `-${number}` : number;
}

/** Adds up decimal texts with all their digits, or doubles as doubles. */
export class DecimalSum {
  readonly #isDouble: boolean;
  #double = 0;
  #units = 0n;
  #scale = 0;
  #isNumber = true;
  #count = 0;

  constructor(isDouble: boolean) {
    this.#isDouble = isDouble;
  }

  /** Null adds nothing; what is no number makes the sum none. */
  add(value: string | number | null): void {
    if (value === null) return;
    this.#count++;
    if (this.#isDouble) {
      this.#double += Number(value);
      return;
    }
    const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(value));
    if (match === null) {
      this.#isNumber = false;
      return;
    }
    const [, sign, whole, fraction = ''] = match;
    if (fraction.length > this.#scale) {
      this.#units *= 10n ** BigInt(fraction.length - this.#scale);
      this.#scale = fraction.length;
    }
    const units = BigInt(whole! + fraction.padEnd(this.#scale, '0'));
    this.#units += sign === '-' ? -units : units;
  }

  /** The sum; null when nothing was added. */
  text(): string | null {
    if (this.#count === 0) return null;
    if (!this.#isNumber) return 'NaN';
    if (this.#isDouble) return String(this.#double);
    const digits = (this.#units < 0n ? -this.#units : this.#units).toString().padStart(this.#scale + 1, '0');
    const sign = this.#units < 0n ? '-' : '';
    return this.#scale === 0 ? sign + digits : `${sign}${digits.slice(0, -this.#scale)}.${digits.slice(-this.#scale)}`;
  }
}
