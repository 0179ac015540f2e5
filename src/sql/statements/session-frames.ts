/** RisingWave's `OVER (PARTITION BY k ORDER BY ts SESSION WITH GAP INTERVAL '10 minutes')`: taken out of the text. */
import type { StatementText } from './statement-text.js';

/** A gap as it is written: `'10 minutes'`, or `'10'` and a unit. */
export interface SessionFrame {
  readonly gap: string;
  /** Empty where the text has it. */
  readonly unit: string;
  /** Byte position of the gap. */
  readonly location: number;
}

/** A window's definition, and the gap of its sessions. */
export interface SessionNode {
  readonly session?: SessionFrame;
}

const ADVICE = "Write SESSION WITH GAP INTERVAL '10 minutes' behind ORDER BY ts.";

/** Takes them; by the byte position of the parenthesis that the window's definition stands in. */
export function takeSessionFrames(part: StatementText): ReadonlyMap<number, SessionFrame> {
  const found = new Map<number, SessionFrame>();
  for (let i = 1; i < part.tokens.length; i++) {
    if (!part.words(i, 'session', 'with', 'gap')) continue;
    const open = opening(part, i);
    if (open === undefined) continue;
    const at = part.word(i + 3) === 'interval' ? i + 4 : i + 3;
    const length = part.tokens[at];
    if (length?.kind !== 'string') throw part.syntaxError(at, ADVICE);
    const hasUnit = part.tokens[at + 1]?.text !== ')';
    if (hasUnit && part.tokens[at + 2]?.text !== ')') throw part.syntaxError(at + 1, ADVICE);
    found.set(part.byteOf(part.tokens[open]!.start), {
      gap: length.text.slice(1, -1),
      unit: hasUnit ? part.word(at + 1) : '',
      location: part.byteOf(length.start),
    });
    part.blank({ start: part.tokens[i]!.start, end: part.tokens[hasUnit ? at + 1 : at]!.end });
  }
  return found;
}

/** The parenthesis around a token. */
function opening(part: StatementText, i: number): number | undefined {
  let depth = 0;
  for (let at = i - 1; at >= 0; at--) {
    const { text } = part.tokens[at]!;
    if (text === ')') depth++;
    if (text === '(' && depth-- === 0) return at;
  }
  return undefined;
}
