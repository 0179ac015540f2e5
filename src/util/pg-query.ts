/** PostgreSQL's parser as WASM; a thread that parses nothing never compiles it. */
import type * as PgQuery from 'libpg-query';
import { lazyPackage } from './lazy-package.js';

/** The package. `loadParser` before anything is parsed. */
export const pgQuery = lazyPackage<typeof PgQuery>('libpg-query');
