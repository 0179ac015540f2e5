import type { z } from 'zod';
import type { configSchema } from './config-schema.js';
import type { SchemaSetting } from './schema-field.js';

type Input = z.input<typeof configSchema>;

/** A stream as it is written. */
export type StreamConfig = Omit<Input['streams'][string], 'schema'> & { readonly schema: SchemaSetting };

/** A configuration as it is written; see `docs/reference/config.md`. */
export type MillraceConfig = Omit<Input, 'streams' | 'views' | 'endpoints'> & {
  readonly streams: Readonly<Record<string, StreamConfig>>;
  readonly views?: string | readonly (string | { readonly sql: string })[];
  readonly endpoints?: string | readonly string[];
};

/** Types a configuration; answers it unchanged. */
export function defineConfig(config: MillraceConfig): MillraceConfig {
  return config;
}
