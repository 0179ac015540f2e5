/** Every scalar function, operator and cast, family by family. */
import { arithmeticFunctions } from './arithmetic.js';
import { arrayFunctions } from './arrays.js';
import { byteFunctions } from './bytes.js';
import { castFunctions } from './casts.js';
import { compareFunctions } from './compare.js';
import { fieldFunctions } from './fields.js';
import { formatFunctions } from './format.js';
import { jsonFunctions } from './json.js';
import { jsonMakeFunctions } from './json-make.js';
import { jsonbFunctions } from './jsonb.js';
import { likeFunctions } from './like.js';

import { mathFunctions } from './math.js';
import { numberFunctions } from './numbers.js';
import { patternFunctions } from './pattern.js';
import { patternSearchFunctions } from './pattern-search.js';
import { quoteFunctions } from './quote.js';
import { FunctionTable } from './registry.js';
import { similarFunctions } from './similar.js';
import { textFunctions } from './text.js';
import { textEditFunctions } from './text-edit.js';
import { precisionFunctions } from './time-casts.js';
import { timeMakeFunctions } from './time-make.js';
import { timeFunctions } from './times.js';

/** The function table that binding, evaluation, kernels and the docs share. */
export const functionTable = new FunctionTable(
  [
    ...compareFunctions,
    ...arithmeticFunctions,
    ...numberFunctions,
    ...mathFunctions,
    ...textFunctions,
    ...textEditFunctions,
    ...quoteFunctions,
    ...byteFunctions,
    ...likeFunctions,
    ...patternFunctions,
    ...patternSearchFunctions,
    ...similarFunctions,
    ...timeFunctions,
    ...precisionFunctions,
    ...timeMakeFunctions,
    ...fieldFunctions,
    ...formatFunctions,
    ...jsonFunctions,
    ...jsonbFunctions,
    ...jsonMakeFunctions,
    ...arrayFunctions,
  ],
  castFunctions,
);
