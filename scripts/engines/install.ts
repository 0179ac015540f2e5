/**
 * Fills one engine's folder. The work is done in a folder beside it, which takes the name at the end, so that an
 * installation which was cut off leaves nothing that looks finished, and two at once don't mix.
 */
import { chmod, cp, mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run.js';
import { toolVersion } from './tools.js';
import {
  ENGINES,
  addedText,
  engineFolder,
  enginesFolder,
  isInstalled,
  markerOf,
  type EngineName,
  type GoRecipe,
  type MavenRecipe,
  type NpmRecipe,
} from './list.js';

const DEPENDENCY_PLUGIN = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1';

/** Installs the pinned version; its tools must be there. */
export async function installEngine(name: EngineName): Promise<void> {
  await mkdir(enginesFolder, { recursive: true });
  const folder = await mkdtemp(path.join(enginesFolder, `${name}.new-`));
  try {
    await fill(name, folder);
    await writeFile(path.join(folder, 'installed.json'), markerOf(name));
    await rm(engineFolder(name), { recursive: true, force: true });
    await rename(folder, engineFolder(name)).catch((error: unknown) => {
      // Another installation of the same pin was faster.
      if (!isInstalled(name)) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function fill(name: EngineName, folder: string): Promise<void> {
  const { recipe } = ENGINES[name];
  switch (recipe.kind) {
    case 'maven':
      return fillFromMaven(recipe, folder);
    case 'go':
      return fillFromGo(recipe, folder);
    case 'npm':
      return fillFromNpm(recipe, folder);
  }
}

/** Lets Maven resolve the artifacts as dependencies of an empty project, and copies their jars. */
async function fillFromMaven({ artifacts }: MavenRecipe, folder: string): Promise<void> {
  const dependencies = artifacts.map((artifact) => {
    const [group, id, version] = artifact.split(':');
    return (
      `<dependency><groupId>${group}</groupId><artifactId>${id}</artifactId>` +
      `<version>${version}</version></dependency>`
    );
  });
  const project = [
    '<project xmlns="http://maven.apache.org/POM/4.0.0">',
    '<modelVersion>4.0.0</modelVersion>',
    '<groupId>engines</groupId><artifactId>engine</artifactId><version>1</version><packaging>pom</packaging>',
    `<dependencies>${dependencies.join('')}</dependencies>`,
    '</project>',
  ];
  await writeFile(path.join(folder, 'pom.xml'), project.join('\n'));
  const copy = [`${DEPENDENCY_PLUGIN}:copy-dependencies`, '-DincludeScope=runtime', '-DoutputDirectory=lib'];
  await run('mvn', ['-B', '-q', '-ntp', ...copy], { cwd: folder });
}

/**
 * Builds a changed copy of the module, with the toolchain that the module asks for. Go fetches that by itself from 1.21
 * on; an older one, as in Debian 12, can still download it as the module that it is, and that one then builds.
 */
async function fillFromGo(recipe: GoRecipe, folder: string): Promise<void> {
  const version = toolVersion('go');
  const old = Array.isArray(version) && version[0] === 1 && version[1] < 21;
  const go = old ? await downloadGo(recipe.toolchain, folder) : 'go';
  const source = path.join(folder, 'source');
  await cp(await downloadModule(go, recipe.module, folder), source, { recursive: true });
  await run('chmod', ['-R', 'u+w', source]);
  await change(recipe, path.join(source, recipe.program));
  const env = { GOFLAGS: '-modcacherw', CGO_ENABLED: '0' };
  const output = path.join(folder, 'bin', path.basename(recipe.program));
  await run(go, ['build', '-trimpath', '-ldflags=-s -w', '-o', output, `./${recipe.program}`], { cwd: source, env });
  await rm(source, { recursive: true });
}

async function change(recipe: GoRecipe, program: string): Promise<void> {
  const { file, from, to } = recipe.changed;
  await writeFile(path.join(program, recipe.added), addedText(recipe));
  const text = await readFile(path.join(program, file), 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file} of ${recipe.module} does not say once: ${from}`);
  await writeFile(path.join(program, file), text.replace(from, to));
}

/** The folder that Go keeps a module in. */
async function downloadModule(go: string, module: string, folder: string): Promise<string> {
  const answer = await run(go, ['mod', 'download', '-json', module], { cwd: folder });
  return (JSON.parse(answer.slice(answer.indexOf('{'))) as { Dir: string }).Dir;
}

async function downloadGo(toolchain: string, folder: string): Promise<string> {
  const platform = `linux-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const root = await downloadModule('go', `golang.org/toolchain@v0.0.1-${toolchain}.${platform}`, folder);
  // An archive of a module keeps no modes.
  const programs = (await readdir(root, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && /\/(bin|pkg\/tool\/[^/]+)$/.test(entry.parentPath),
  );
  for (const entry of programs) await chmod(path.join(entry.parentPath, entry.name), 0o755);
  return path.join(root, 'bin', 'go');
}

async function fillFromNpm(recipe: NpmRecipe, folder: string): Promise<void> {
  await writeFile(path.join(folder, 'package.json'), '{ "private": true }\n');
  await run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', recipe.package], { cwd: folder });
}
