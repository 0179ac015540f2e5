/** ProcessingConfiguration: what is done to records on their way. */
import { MillraceError } from '../../../../util/errors.js';
import {
  isStructure,
  listIn,
  malformed,
  onlyMembers,
  required,
  structureIn,
  textIn,
  type Structure,
} from '../input.js';
import { parseQuery, type ExtractedKeys } from './jq.js';

/** What is done. */
export interface Processing {
  /** Partition keys that are read from records. */
  readonly keys: ExtractedKeys;
  /** Whether a line feed stands behind each record. */
  readonly delimiter: boolean;
}

const NONE: Processing = { keys: new Map(), delimiter: false };
const TYPES: readonly string[] = ['MetadataExtraction', 'AppendDelimiterToRecord'];

/** Reads it. Throws an error of the call for what can't be done here, or is not of `types`. */
export function processingIn(settings: Structure, path: string, types = TYPES): Processing {
  const configuration = structureIn(settings, 'ProcessingConfiguration', path);
  const at = `${path}.ProcessingConfiguration`;
  if (configuration === undefined) return NONE;
  onlyMembers(configuration, ['Enabled', 'Processors'], at);
  const processors = listIn(configuration, 'Processors', at, { min: 0, max: 10 }) ?? [];
  if (configuration['Enabled'] !== true) return NONE;
  return processors.reduce<Processing>((processing, processor, index) => {
    const place = `${at}.Processors.${index + 1}.member`;
    if (!isStructure(processor)) throw malformed(`${place}: expected an object`);
    return { ...processing, ...processorIn(processor, types, place) };
  }, NONE);
}

function processorIn(processor: Structure, types: readonly string[], place: string): Partial<Processing> {
  onlyMembers(processor, ['Type', 'Parameters'], place);
  const type = required(textIn(processor, 'Type', place), 'Type', place);
  if (!types.includes(type))
    throw new MillraceError(
      'ARGUMENT_INVALID',
      `${place}.Type: expected ${types.join(' or ') || 'no processor here'}, found '${type.slice(0, 64)}'; a function runs as a transform of the configuration`,
      { place },
    );
  const parameters = parametersIn(processor, place);
  if (type === 'AppendDelimiterToRecord') return { delimiter: delimiterIn(parameters, place) };
  only(parameters, ['MetadataExtractionQuery', 'JsonParsingEngine'], place);
  if ((parameters.get('JsonParsingEngine') ?? 'JQ-1.6') !== 'JQ-1.6')
    throw new MillraceError('ARGUMENT_INVALID', `${place}: JsonParsingEngine: expected JQ-1.6`, { place });
  const query = required(parameters.get('MetadataExtractionQuery'), 'MetadataExtractionQuery', place);
  return { keys: parseQuery(query, `${place}.MetadataExtractionQuery`) };
}

/** A delimiter other than a line feed is refused. */
function delimiterIn(parameters: ReadonlyMap<string, string>, place: string): boolean {
  only(parameters, ['Delimiter'], place);
  const delimiter = parameters.get('Delimiter') ?? '\\n';
  if (delimiter === '\\n' || delimiter === '\n') return true;
  throw new MillraceError('ARGUMENT_INVALID', `${place}: Delimiter: expected \\n`, { place });
}

function parametersIn(processor: Structure, place: string): Map<string, string> {
  const list = listIn(processor, 'Parameters', place, { min: 0, max: 50 }) ?? [];
  return new Map(
    list.map((parameter, index): [string, string] => {
      const at = `${place}.Parameters.${index + 1}.member`;
      if (!isStructure(parameter)) throw malformed(`${at}: expected an object`);
      onlyMembers(parameter, ['ParameterName', 'ParameterValue'], at);
      const name = required(textIn(parameter, 'ParameterName', at), 'ParameterName', at);
      const value = textIn(parameter, 'ParameterValue', at, { min: 1, max: 5_120 });
      return [name, required(value, 'ParameterValue', at)];
    }),
  );
}

function only(parameters: ReadonlyMap<string, string>, known: readonly string[], place: string): void {
  onlyMembers(Object.fromEntries(parameters), known, place);
}
