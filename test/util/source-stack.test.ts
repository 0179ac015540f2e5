import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sourceStack } from '../../src/util/source-stack.js';

const THROWER = `interface Unused {
  readonly a: number;
}

export function thrower(): never {
  throw new Error('here');
}
`;

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-stack-'));
  writeFileSync(join(folder, 'thrower.ts'), THROWER);
  writeFileSync(join(folder, 'main.ts'), `export { thrower } from './thrower.js';\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function stackOf(name: string, sourcemap: boolean): Promise<string> {
  const outfile = join(folder, name);
  await build({
    entryPoints: [join(folder, 'main.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    sourcemap,
    sourcesContent: false,
  });
  const { thrower } = (await import(pathToFileURL(outfile).href)) as { thrower: () => never };
  try {
    return thrower();
  } catch (error) {
    return (error as Error).stack!;
  }
}

test('a frame of a bundle is told as the place in its source, others stay as they are', async () => {
  const stack = await stackOf('bundle.js', true);
  const [message, frame, ...others] = sourceStack(stack).split('\n');
  expect(message).toBe('Error: here');
  expect(frame).toContain(`${join(folder, 'thrower.ts')}:6:9`);
  expect(others).toEqual(stack.split('\n').slice(2));
});

test('a file without a map keeps its frames', async () => {
  const stack = await stackOf('plain.js', false);
  expect(sourceStack(stack)).toBe(stack);
});
