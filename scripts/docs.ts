/** `npm run docs`: writes docs/reference/ from the code. A test checks that it is current. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { referencePages } from './reference.js';

const folder = fileURLToPath(new URL('../docs/reference', import.meta.url));
mkdirSync(folder, { recursive: true });
for (const [name, content] of Object.entries(referencePages())) {
  writeFileSync(join(folder, name), content);
  console.log(`docs/reference/${name}`);
}
