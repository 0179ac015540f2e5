import { defineConfig } from 'vitest/config';

/** Tests against engines of others (`npm run engines` installs them): one file after the other, for two cores. */
export default defineConfig({
  test: {
    include: ['test/**/*.engines.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
