/**
 * Packages that are loaded when they are first used: a thread starts sooner without what it may never need.
 *
 * For packages in CommonJS only. `require` is also the cheaper way to those: for an `import`, Node reads every file of
 * the package once more to learn its names.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** What answers the package `name`: `lazyPackage<typeof Pg>('pg')`. */
export function lazyPackage<Package>(name: string): () => Package {
  let loaded: Package | undefined;
  return () => (loaded ??= require(name) as Package);
}
