/** The package of key-value files; only what has one open loads it. */
import type * as Lmdb from 'lmdb';
import { lazyPackage } from '../util/lazy-package.js';

/** The package. */
export const lmdb = lazyPackage<typeof Lmdb>('lmdb');
