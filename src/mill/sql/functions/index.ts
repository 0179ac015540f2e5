/** Every scalar function, operator and cast, family by family. */
import { arithmeticFunctions } from './arithmetic.js';
import { castFunctions } from './casts.js';
import { compareFunctions } from './compare.js';
import { FunctionTable } from './registry.js';

/** The function table that binding, evaluation, kernels and the docs share. */
export const functionTable = new FunctionTable([...compareFunctions, ...arithmeticFunctions],
  castFunctions,
);
