/** ProcessingConfiguration: what is done to records on their way. */
import { MillraceError } from '../../../../util/errors.js';
import type { FirehoseOptions } from '../../../../config/options.js';
import {
  constraint,
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

/** A function that each record passes. */
export interface LambdaProcessor {
  /** An address, or the path of a module. */
  readonly target: string;
  readonly retries: number;
  readonly bufferMib: number;
  readonly bufferSeconds: number;
}

/** What is done. */
export interface Processing {
  readonly lambda: LambdaProcessor | null;
  /** Partition keys that are read from records. */
  readonly keys: ExtractedKeys;
  /** Whether a line feed stands behind each record. */
  readonly delimiter: boolean;
}

const NONE: Processing = { lambda: null, keys: new Map(), delimiter: false };

/** Reads it; `types` are the processors that there may be. Throws an error of the call for what can't be done here. */
export function processingIn(
  settings: Structure,
  path: string,
  types: readonly string[],
  { lambda }: Pick<FirehoseOptions, 'lambda'>,
): Processing {
  const configuration = structureIn(settings, 'ProcessingConfiguration', path);
  const at = `${path}.ProcessingConfiguration`;
  if (configuration === undefined) return NONE;
  onlyMembers(configuration, ['Enabled', 'Processors'], at);
  const processors = listIn(configuration, 'Processors', at, { min: 0, max: 10 }) ?? [];
  if (configuration['Enabled'] !== true) return NONE;
  return processors.reduce<Processing>((processing, processor, index) => {
    const place = `${at}.Processors.${index + 1}.member`;
    if (!isStructure(processor)) throw malformed(`${place}: expected an object`);
    return { ...processing, ...processorIn(processor, types, place, lambda) };
  }, NONE);
}

function processorIn(
  processor: Structure,
  types: readonly string[],
  place: string,
  functions: FirehoseOptions['lambda'],
): Partial<Processing> {
  onlyMembers(processor, ['Type', 'Parameters'], place);
  const type = required(textIn(processor, 'Type', place), 'Type', place);
  if (!types.includes(type))
    throw new MillraceError(
      'ARGUMENT_INVALID',
      `${place}.Type: expected ${types.join(' or ')}, found '${type.slice(0, 64)}'`,
      { place },
    );
  const parameters = parametersIn(processor, place);
  if (type === 'AppendDelimiterToRecord') return { delimiter: delimiterIn(parameters, place) };
  if (type === 'Lambda') return { lambda: lambdaIn(parameters, place, functions) };
  return { keys: keysIn(parameters, place) };
}

function keysIn(parameters: ReadonlyMap<string, string>, place: string): ExtractedKeys {
  only(parameters, ['MetadataExtractionQuery', 'JsonParsingEngine'], place);
  if ((parameters.get('JsonParsingEngine') ?? 'JQ-1.6') !== 'JQ-1.6')
    throw new MillraceError('ARGUMENT_INVALID', `${place}: JsonParsingEngine: expected JQ-1.6`, { place });
  const query = required(parameters.get('MetadataExtractionQuery'), 'MetadataExtractionQuery', place);
  return parseQuery(query, `${place}.MetadataExtractionQuery`);
}

function lambdaIn(
  parameters: ReadonlyMap<string, string>,
  place: string,
  functions: FirehoseOptions['lambda'],
): LambdaProcessor {
  only(parameters, ['LambdaArn', 'NumberOfRetries', 'BufferSizeInMBs', 'BufferIntervalInSeconds', 'RoleArn'], place);
  const arn = required(parameters.get('LambdaArn'), 'LambdaArn', place);
  const names = [arn, /:function:([A-Za-z0-9-_]+)(?::[^:]*)?$/.exec(arn)?.[1] ?? arn];
  const found = Object.entries(functions).find(([name]) => names.includes(name));
  if (found === undefined)
    throw new MillraceError(
      'ARGUMENT_INVALID',
      `${place}: the configuration of Millrace has no function '${names[1]!.slice(0, 128)}' in firehose.lambda`,
      { place },
    );
  const number = (name: string, fallback: number, min: number, max: number): number => {
    const text = parameters.get(name);
    const value = text === undefined ? fallback : Number(text);
    if (value >= min && value <= max) return value;
    throw constraint(`${place}.${name}`, `Member must have value between ${min} and ${max}`);
  };
  return {
    target: found[1],
    retries: number('NumberOfRetries', 3, 0, 10),
    bufferMib: number('BufferSizeInMBs', 1, 0.2, 3),
    bufferSeconds: number('BufferIntervalInSeconds', 60, 0, 900),
  };
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
