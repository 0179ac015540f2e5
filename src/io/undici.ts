/** The package of HTTP clients; only what makes connections loads it. */
import type * as Undici from 'undici';
import { lazyPackage } from '../util/lazy-package.js';

/** The package. */
export const undici = lazyPackage<typeof Undici>('undici');
