/** The gamma and error functions, to the last digits of a double. */

/** Lanczos' coefficients for g = 7 and nine terms, of Godfrey. */
const LANCZOS = [
  0.999_999_999_999_809_9, 676.520_368_121_885_1, -1259.139_216_722_402_8, 771.323_428_777_653_1,
  -176.615_029_162_140_6, 12.507_343_278_686_905, -0.138_571_095_265_720_12, 9.984_369_578_019_572e-6,
  1.505_632_735_149_311_6e-7,
];

function lanczosSum(a: number): number {
  return LANCZOS.slice(1).reduce((sum, coefficient, i) => sum + coefficient / (a + i + 1), LANCZOS[0]!);
}

/** Γ(a). */
export function gammaOf(a: number): number {
  if (Number.isInteger(a) && a > 0 && a < 172) {
    let product = 1;
    for (let factor = 2; factor < a; factor++) product *= factor;
    return product;
  }
  // Beyond the doubles: too large, or with a sign and too near 0.
  if (a > 172) return Infinity;
  if (a < -190) return 0;
  if (a < 0.5) return Math.PI / (Math.sin(Math.PI * a) * gammaOf(1 - a));
  const t = a - 1 + 7.5;
  // Half of the power at a time: the whole is out of range before the result is.
  const half = t ** ((a - 0.5) / 2);
  return Math.sqrt(2 * Math.PI) * half * Math.exp(-t) * half * lanczosSum(a - 1);
}

const EULER = 0.577_215_664_901_532_9;
/** ζ(k) - 1 from k = 2 on. */
const ZETAS = [
  0.644_934_066_848_226_4, 0.202_056_903_159_594_3, 0.082_323_233_711_138_2, 0.036_927_755_143_369_9,
  0.017_343_061_984_449_1, 0.008_349_277_381_922_8,
];
for (let k = 8; k < 60; k++) {
  let sum = 0;
  for (let n = 100; n > 1; n--) sum += n ** -k;
  ZETAS.push(sum);
}

/** ln Γ(2 + z) for z between -0.5 and 0.5, also where that is nearly 0. */
function nearTwo(z: number): number {
  return z * (1 - EULER) + ZETAS.reduce((sum, zeta, i) => sum + (zeta * (-z) ** (i + 2)) / (i + 2), 0);
}

/** ln |Γ(a)|. */
export function logGammaOf(a: number): number {
  if (a === Infinity || a === -Infinity || (a <= 0 && Number.isInteger(a))) return Infinity;
  if (a !== 0 && Math.abs(a) < 1e-300) return -Math.log(Math.abs(a));
  if (Math.abs(a - 2) <= 0.5) return nearTwo(a - 2);
  if (Math.abs(a - 1) <= 0.5) return nearTwo(a - 1) - Math.log1p(a - 1);
  if (a < 0.5) {
    const sine = Math.abs(Math.sin(Math.PI * (a % 2)));
    return Math.log(Math.PI / sine) - logGammaOf(1 - a);
  }
  if (a < 10) return Math.log(Math.abs(gammaOf(a)));
  const inverse = 1 / (a * a);
  const series = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360_360].reduceRight(
    (sum, term) => sum * inverse + term,
    0,
  );
  return (a - 0.5) * Math.log(a) - a + Math.log(2 * Math.PI) / 2 + series / a;
}

/** erf(a), by its series near 0. */
export function errorFunction(a: number): number {
  if (Math.abs(a) > 2) return Math.sign(a) * (1 - complement(Math.abs(a)));
  let term = a;
  let sum = a;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 1e-17; n++) {
    term *= (-a * a) / n;
    sum += term / (2 * n + 1);
    if (n > 100) break;
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** 1 - erf(a). */
export function complementaryError(a: number): number {
  return a > 2 ? complement(a) : 1 - errorFunction(a);
}

/** The continued fraction of 1 - erf(a), far from 0. */
function complement(a: number): number {
  if (a > 28) return 0;
  let fraction = 0;
  for (let n = 120; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI));
}
