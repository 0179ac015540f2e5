/** Whether a relation's rows stay. */
import type { Relation } from './relation.js';
import { inputsOf } from './walk-relation.js';

/** Whether rows are only ever added, none taken back. */
export function isAppendOnly(relation: Relation): boolean {
  switch (relation.kind) {
    case 'scan':
      return relation.key === null;
    case 'window':
      return relation.window.kind !== 'session' && relation.window.kind !== 'stagger' && isAppendOnly(relation.input);
    case 'values':
    case 'filter':
    case 'project':
    case 'union':
    case 'expand':
      return inputsOf(relation).every(isAppendOnly);
    case 'join': {
      if (relation.mode.kind === 'lookup' && (relation.type === 'inner' || relation.type === 'left'))
        return isAppendOnly(relation.left);
      if (relation.mode.kind !== 'both') return false;
      if (relation.type !== 'inner' && relation.type !== 'semi') return false;
      return isAppendOnly(relation.left) && isAppendOnly(relation.right);
    }
    default:
      return false;
  }
}
