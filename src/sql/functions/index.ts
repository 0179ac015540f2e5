/** Every scalar function, operator and cast, family by family. */
import { arithmeticFunctions } from './arithmetic.js';
import { castFunctions } from './casts.js';
import { compareFunctions } from './compare.js';
import { fieldFunctions } from './fields.js';
import { formatFunctions } from './format.js';
import { jsonFunctions } from './json.js';
import { likeFunctions } from './like.js';
import { listFunctions } from './lists.js';
import { numberFunctions } from './numbers.js';
import { patternFunctions } from './pattern.js';
import { FunctionTable } from './registry.js';
import { textFunctions } from './text.js';
import { timeFunctions } from './times.js';

/** The function table that binding, evaluation, kernels and the docs share. */
export const functionTable = new FunctionTable(
  [
    ...compareFunctions,
    ...arithmeticFunctions,
    ...numberFunctions,
    ...textFunctions,
    ...likeFunctions,
    ...patternFunctions,
    ...timeFunctions,
    ...fieldFunctions,
    ...formatFunctions,
    ...jsonFunctions,
    ...listFunctions,
  ],
  castFunctions,
);
