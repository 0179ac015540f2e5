/** Whether an engine can run here, and how a test says so. */
import { describe, test } from 'vitest';
import { ENGINES, isInstalled, type EngineName, type Tool } from '../../scripts/engines/list.js';
import { toolMissing } from '../../scripts/engines/tools.js';

const known = new Map<EngineName, string | null>();

/** Why an engine can't run here, with what to do; null when it can. PostgreSQL always can. */
export function engineMissing(name: EngineName): string | null {
  const before = known.get(name);
  if (before !== undefined) return before;
  const tools: readonly Tool[] = ENGINES[name].runTools;
  const lacking = tools.map(toolMissing).find((reason) => reason !== null);
  const reason = isInstalled(name) ? (lacking ?? null) : `run: npm run engines -- ${name}`;
  const answer = reason === null ? null : `the engine '${name}' is not here: ${reason}`;
  known.set(name, answer);
  return answer;
}

/** `describe` for tests that need engines. Where one is missing it becomes one test, skipped with the reason. */
export function describeWith(names: readonly EngineName[], title: string, body: () => void): void {
  const reason = names.map(engineMissing).find((each) => each !== null);
  if (reason === undefined || reason === null) describe(title, body);
  else test(title, (context) => context.skip(reason));
}
