import { startPostgres } from '../../engines/postgres.js';
import { pullConformance } from '../../conformance/pull-targets.js';
import { underTest } from './support.js';

pullConformance('postgres', async () => underTest(await startPostgres()));
