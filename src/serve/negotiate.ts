/**
 * Which of several formats an answer has: the one that `format=` names, else the one that the header `Accept` likes
 * best, else JSON.
 */
import { MillraceError } from '../util/errors.js';
import { CONTENT_TYPES, RESULT_FORMATS, type ResultFormat } from './query/result-formats.js';

/** The format of an answer. Throws PARAMETER_INVALID for one that is not known. */
export function chooseFormat(named: readonly string[], accept: string | undefined): ResultFormat {
  if (named.length > 0) {
    const format = RESULT_FORMATS.find((one) => named.length === 1 && one === named[0]);
    if (format !== undefined) return format;
    throw new MillraceError(
      'PARAMETER_INVALID',
      `format: expected one of ${RESULT_FORMATS.join(', ')}, found '${named.join(', ').slice(0, 40)}'`,
      { place: 'query format' },
    );
  }
  let best: ResultFormat = 'json';
  let bestQuality = 0;
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const format = RESULT_FORMATS.find((one) => CONTENT_TYPES[one].split(';')[0] === type);
    const quality = qualityOf(parameters);
    if (format === undefined || quality <= bestQuality) continue;
    best = format;
    bestQuality = quality;
  }
  return best;
}

function qualityOf(parameters: readonly string[]): number {
  const text = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  const quality = text === undefined ? 1 : Number(text);
  return quality >= 0 && quality <= 1 ? quality : 0;
}
