import { pullConformance } from '../../conformance/pull-targets.js';
import { sqliteUnderTest } from './support.js';

pullConformance('sqlite', async () => sqliteUnderTest());
