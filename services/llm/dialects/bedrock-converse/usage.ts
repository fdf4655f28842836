import { asArray, asCount, asObject, asString } from '../../../common/json.ts';
import type { Usage } from '../dialect.ts';

/** What was written for so long; `cacheDetails` splits the whole by time to live. */
function written(details: unknown, ttl: string): number | null {
  let sum: number | null = null;
  for (const item of asArray(details)) {
    const detail = asObject(item);
    if (asString(detail?.ttl) === ttl) sum = (sum ?? 0) + (asCount(detail?.inputTokens) ?? 0);
  }
  return sum;
}

/** `inputTokens` leaves out what was read from and written to the cache. Reasoning is within the output and not told apart. */
export function readUsage(value: unknown): Usage | null {
  const usage = asObject(value);
  if (usage === null) return null;
  const fresh = asCount(usage.inputTokens);
  const cacheRead = asCount(usage.cacheReadInputTokens ?? usage.cacheReadInputTokenCount);
  const cacheWrite = asCount(usage.cacheWriteInputTokens ?? usage.cacheWriteInputTokenCount);
  return {
    input: fresh === null ? null : fresh + (cacheRead ?? 0) + (cacheWrite ?? 0),
    cacheRead,
    cacheWrite,
    cacheWrite5m: written(usage.cacheDetails, '5m'),
    cacheWrite1h: written(usage.cacheDetails, '1h'),
    output: asCount(usage.outputTokens),
    reasoning: null,
  };
}
