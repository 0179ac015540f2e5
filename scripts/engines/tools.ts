/** What the engines need on the machine: found by asking the programs, and installed where Debian's packages can be. */
import { spawnSync } from 'node:child_process';
import { run } from './run.js';
import type { Tool } from './list.js';

interface ToolEntry {
  readonly label: string;
  readonly command: readonly [string, ...string[]];
  /** Takes the (major, minor) version out of what the command prints. */
  readonly version: RegExp;
  /** The least version, as [major, minor]. */
  readonly least: readonly [number, number];
  readonly debian: string;
}

const TOOLS: Readonly<Record<Tool, ToolEntry>> = {
  // Kafka 4 and OpenSearch 2.19 are compiled for these.
  java: {
    label: 'Java',
    command: ['java', '-version'],
    version: /version "(\d+)(?:\.(\d+))?/,
    least: [17, 0],
    debian: 'default-jre-headless',
  },
  maven: {
    label: 'Maven',
    command: ['mvn', '-B', '-v'],
    version: /Apache Maven (\d+)\.(\d+)/,
    least: [3, 6],
    debian: 'maven',
  },
  // Any Go with modules and checksums; `install.ts` sees to the toolchain that a module asks for.
  go: {
    label: 'Go',
    command: ['go', 'version'],
    version: /go(\d+)\.(\d+)/,
    least: [1, 18],
    debian: 'golang-go',
  },
};

/** The (major, minor) version of a tool, null when it isn't there, and a text when it doesn't say. */
export function toolVersion(tool: Tool): readonly [number, number] | string | null {
  const { command, version } = TOOLS[tool];
  const [program, ...args] = command;
  const answer = spawnSync(program, args, { encoding: 'utf8' });
  if (answer.error !== undefined) return null;
  const found = version.exec(`${answer.stdout}${answer.stderr}`);
  return found === null
    ? `\`${command.join(' ')}\` does not tell its version`
    : [Number(found[1]), Number(found[2] ?? 0)];
}

/** Why a tool can't be used, with what would mend it; null when it can. */
export function toolMissing(tool: Tool): string | null {
  const { label, command, least, debian } = TOOLS[tool];
  const wanted = `${label} ${least[1] === 0 ? least[0] : least.join('.')} or later is needed`;
  const version = toolVersion(tool);
  if (version === null) return `${wanted}, and \`${command[0]}\` is not there (Debian: ${debian})`;
  if (typeof version === 'string') return `${wanted}, and ${version}`;
  const enough = version[0] > least[0] || (version[0] === least[0] && version[1] >= least[1]);
  return enough ? null : `${wanted}, and \`${command[0]}\` is ${version.join('.')} (Debian: ${debian})`;
}

/**
 * Installs Debian's packages of the tools that are missing, when this is Debian and we are root. What still lacks
 * afterwards is found by {@link toolMissing}.
 */
export async function installTools(tools: readonly Tool[]): Promise<void> {
  const packages = tools.filter((tool) => toolMissing(tool) !== null).map((tool) => TOOLS[tool].debian);
  if (packages.length === 0) return;
  const root = process.getuid?.() === 0;
  if (!root || spawnSync('apt-get', ['--version']).error !== undefined) return;
  console.log(`installing Debian packages: ${packages.join(', ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env });
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], { env });
}
