/** What can be tuned about the lake; every value has a default in `LAKE_DEFAULTS`. */
export interface LakeOptions {
  /** Most rows of one run. */
  readonly runRowsMax: number;
  /** Most bytes of batches held for runs. */
  readonly runBytesMax: number;
  /** How long rows wait at most before they are in a run, ms. */
  readonly runAgeMaxMs: number;
  /** Size at which a merged file is finished. */
  readonly mergedFileBytes: number;
  /** Rows a group of a merged file. */
  readonly mergedGroupRows: number;
  /** How long replaced files stay for queries that still read them, ms. */
  readonly graceMs: number;
  /** Zstandard levels of runs and of merged files. */
  readonly runLevel: number;
  readonly mergedLevel: number;
  /** Pause after a merge that failed, ms. */
  readonly mergeRetryMs: number;
}

/** The defaults of `LakeOptions`. */
export const LAKE_DEFAULTS: LakeOptions = {
  runRowsMax: 1_000_000,
  runBytesMax: 192 * 1024 * 1024,
  runAgeMaxMs: 600_000,
  mergedFileBytes: 384 * 1024 * 1024,
  mergedGroupRows: 65_536,
  graceMs: 600_000,
  runLevel: 1,
  mergedLevel: 3,
  mergeRetryMs: 30_000,
};

/** The folder of the lake within a data folder. */
export const LAKE_FOLDER = 'lake';

/** Length of an arrival hour, ms. */
export const HOUR_MS = 3_600_000;
