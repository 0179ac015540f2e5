/**
 * `npm run engines -- [names]`: installs the engines that the tests of `npm run engines:test` run against, all
 * without names. What is there in the pinned version stays as it is. The exit code is 1 when one could not be had.
 */
import { installEngine } from './engines/install.js';
import { ENGINES, engineFolder, isEngineName, isInstalled, type EngineName, type Tool } from './engines/list.js';
import { installTools, toolMissing } from './engines/tools.js';

function named(args: readonly string[]): EngineName[] {
  const all = Object.keys(ENGINES).filter(isEngineName);
  const unknown = args.filter((arg) => !isEngineName(arg));
  if (unknown.length === 0) return args.length === 0 ? all : args.filter(isEngineName);
  console.error(`unknown: ${unknown.join(', ')}; the engines are ${all.join(', ')}`);
  process.exit(2);
}

async function install(name: EngineName): Promise<boolean> {
  const started = performance.now();
  try {
    const tools: readonly Tool[] = ENGINES[name].installTools;
    for (const tool of tools) {
      const missing = toolMissing(tool);
      if (missing !== null) throw new Error(missing);
    }
    console.log(`${name}: installing`);
    await installEngine(name);
    console.log(`${name}: installed in ${((performance.now() - started) / 1000).toFixed(0)} s (${engineFolder(name)})`);
    return true;
  } catch (error) {
    console.error(`${name}: FAILED: ${(error as Error).message}`);
    console.error(`${name}: mend that, then run: npm run engines -- ${name}`);
    return false;
  }
}

/** One after the other: two Mavens at once would write into one local repository, and that has no lock. */
async function inTurn(names: readonly EngineName[]): Promise<boolean[]> {
  const done: boolean[] = [];
  for (const name of names) done.push(await install(name));
  return done;
}

const wanted = named(process.argv.slice(2));
const absent = wanted.filter((name) => !isInstalled(name));
for (const name of wanted.filter((each) => !absent.includes(each))) console.log(`${name}: there already`);
try {
  await installTools([...new Set(absent.flatMap((name): readonly Tool[] => ENGINES[name].installTools))]);
} catch (error) {
  console.error((error as Error).message);
}
const kinds = [...new Set(absent.map((name) => ENGINES[name].recipe.kind))];
const families = kinds.map((kind) => absent.filter((name) => ENGINES[name].recipe.kind === kind));
const done = (await Promise.all(families.map(inTurn))).flat();
process.exitCode = done.every(Boolean) ? 0 : 1;
