/** `npm run bench:mill [NAME …] [--json FILE]`: the speed of the streaming SQL engine, as one table. */
import { runBenches } from '../run-benches.js';

const BENCHES = ['mill-ysb', 'mill-windows', 'mill-nexmark', 'mill-views', 'mill-groups', 'mill-pauses', 'rcf'];

runBenches(BENCHES, process.argv.slice(2));
