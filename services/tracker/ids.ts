import { hash } from 'node:crypto';

/** Hash of several texts, 32 hex digits. Equal to the recogniser's for equal texts: ids of threads and turns are made there too. */
export function digest(...parts: readonly string[]): string {
  return hash('sha256', parts.join('\0'), 'hex').slice(0, 32);
}
