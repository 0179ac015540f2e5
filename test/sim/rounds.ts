/**
 * How much of a sweep runs: `few` seeds, rows or cases in `npm test`, `many` in `npm run test:thorough`, which sets
 * MILLRACE_THOROUGH.
 */
export function rounds(few: number, many: number): number {
  return process.env['MILLRACE_THOROUGH'] === '1' ? many : few;
}
