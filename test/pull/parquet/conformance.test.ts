import { pullConformance } from '../../conformance/pull-targets.js';
import { parquetUnderTest } from './support.js';

pullConformance('parquet', async () => parquetUnderTest());
// Every day is split into many files, as large ones are.
pullConformance('parquet, split days', async () => parquetUnderTest(2));
