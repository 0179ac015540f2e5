/** The package of PostgreSQL's protocol; only what makes connections loads it. */
import type * as Pg from 'pg';
import { lazyPackage } from '../util/lazy-package.js';

/** The package. */
export const pg = lazyPackage<typeof Pg>('pg');
