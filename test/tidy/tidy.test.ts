import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importViolations, unreached } from './imports.js';
import { leftovers, longFiles, silentCatches, skippedTests, undocumentedExports } from './shape.js';
import { importsOf, report, root, sources, type Source } from './sources.js';

const src = sources('src');
const consoleFiles = sources('console');
const kernels = sources('wasm');
const tests = sources('test');
const others = [...sources('bench'), ...sources('scripts', ['.ts', '.mjs']), ...sources('examples')];

/** Where the program starts: the command line, the package, and each thread or process (a text such as `'mill/thread.js'`). */
const ENTRIES = ['src/cli/main.ts', 'src/index.ts', 'src/client.ts'];
const WORKERS = src.flatMap(({ text }) =>
  [...text.matchAll(/'([\w/-]+-?(?:thread|process))\.js'/g)].map((match) => `src/${match[1]!}.ts`),
);

function file(path: string, text: string): Source {
  return { path, text, lines: text.split('\n') };
}

describe('the repository', () => {
  test('keeps the import rule', () => {
    expect(report(importViolations(src))).toEqual([]);
  });

  test('has no file that nothing uses', () => {
    expect(unreached(src, ENTRIES, WORKERS)).toEqual([]);
  });

  test('has short files', () => {
    expect(report(longFiles([...src, ...consoleFiles, ...kernels, ...tests, ...others]))).toEqual([]);
  });

  test('has short functions', () => {
    const { stdout, status } = lint(join(root, 'src'));
    expect(`${status === 0 ? '' : stdout}`).toBe('');
  });

  test('documents every export', () => {
    expect(report(undocumentedExports([...src, ...consoleFiles, ...kernels]))).toEqual([]);
  });

  test('leaves nothing open', () => {
    const all = [
      ...src,
      ...consoleFiles,
      ...kernels,
      ...others,
      ...tests.filter(({ path }) => !path.startsWith('test/tidy/')),
    ];
    expect(report(leftovers(all))).toEqual([]);
    expect(report(skippedTests(tests.filter(({ path }) => !path.startsWith('test/tidy/'))))).toEqual([]);
    expect(report(silentCatches([...src, ...consoleFiles, ...others]))).toEqual([]);
  });

  test('pins every dependency and uses each', () => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string>
    >;
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
      expect(version, name).toMatch(/^\d+\.\d+\.\d+(-[\w.]+)?$/);
    const used = new Set(
      src.flatMap((source) =>
        importsOf(source).map(({ specifier }) =>
          specifier
            .split('/')
            .slice(0, specifier.startsWith('@') ? 2 : 1)
            .join('/'),
        ),
      ),
    );
    expect(Object.keys(dependencies!).filter((name) => !used.has(name))).toEqual([]);
    expect([...used].filter((name) => name in devDependencies!)).toEqual([]);
  });

  test('keeps the promised pages', () => {
    for (const path of [
      'README.md',
      'ARCHITECTURE.md',
      'STYLE.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'CHANGELOG.md',
      'LICENSE',
      'docs/decisions',
    ])
      expect(existsSync(join(root, path)), path).toBe(true);
  });

  test('has no broken link in its pages', () => {
    const pages = [...sources('.', ['.md'])];
    const broken = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g)]
        .filter((match) => !existsSync(join(root, path, '..', match[1]!)))
        .map((match) => `${path}: ${match[1]!}`),
    );
    expect(broken).toEqual([]);
  });
});

function lint(folder: string) {
  const config = join(root, 'test', 'tidy', 'functions.oxlintrc.json');
  const bin = join(root, 'node_modules', '.bin', 'oxlint');
  return spawnSync(bin, ['-c', config, '--deny-warnings', folder], { encoding: 'utf8', cwd: root });
}

describe('the rules notice', () => {
  test('a stage that imports another, ground that imports a stage, a file that is not there', () => {
    const files = [
      file(
        'src/mill/a.ts',
        "import { b } from '../lake/b.js';\nimport type { L } from '../log/log.js';\nimport { x } from '../util/gone.js';",
      ),
      file('src/lake/b.ts', "// import { a } from '../mill/a.js';\nexport * from '../event/c.js';"),
      file('src/event/c.ts', "const m = await import('../mill/a.js');"),
      file('src/log/log.ts', ''),
      file('src/serve/s.ts', "import '../sql/p.js';\nimport '../mill/a.js';"),
      file('src/sql/p.ts', ''),
    ];
    expect(report(importViolations(files))).toEqual([
      "src/mill/a.ts:1: 'mill' may not import 'lake' (../lake/b.js)",
      "src/mill/a.ts:3: imports '../util/gone.js', which is no file",
      "src/event/c.ts:1: 'event' may not import 'mill' (../mill/a.js)",
    ]);
    expect(unreached(files, ['src/serve/s.ts'], [])).toEqual([]);
    expect(unreached(files, ['src/lake/b.ts'], [])).toEqual(['src/serve/s.ts', 'src/sql/p.ts']);
  });

  test('a long file, an undocumented export, leftovers, skips and silent catches', () => {
    const bad = file(
      'src/a.ts',
      `${'\n'.repeat(500)}export const a = 1;\n/** Said. */\nexport function b() {}\n// TODO later\n\ntry { b(); } catch {}\n`,
    );
    expect(longFiles([bad])).toHaveLength(1);
    expect(report(undocumentedExports([bad]))).toEqual(["src/a.ts:501: export 'a' has no TSDoc comment"]);
    expect(leftovers([bad])).toHaveLength(1);
    expect(silentCatches([bad])).toHaveLength(1);
    expect(
      skippedTests([
        file(
          'test/a.test.ts',
          "test.skip('x', () => {});\n// needs a network\ntest.skip('y', () => {});\ntest.only('z', () => {});",
        ),
      ]),
    ).toHaveLength(2);
  });

  test('a long function', () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-tidy-'));
    writeFileSync(join(folder, 'a.ts'), `export function a(n: number) {\n${'  n += 1;\n'.repeat(80)}  return n;\n}\n`);
    const { status, stdout } = lint(folder);
    rmSync(folder, { recursive: true });
    expect(status).not.toBe(0);
    expect(stdout).toContain('max-lines-per-function');
  });
});
