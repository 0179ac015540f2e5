/** The package of DuckDB; only what runs queries or merges files loads it. */
import type * as DuckDb from '@duckdb/node-api';
import { lazyPackage } from '../util/lazy-package.js';

/** The package. */
export const duckdb = lazyPackage<typeof DuckDb>('@duckdb/node-api');
