import { asCount, asObject } from '../../../common/json.ts';
import type { Usage } from '../dialect.ts';

/**
 * `promptTokenCount` includes the cached content; tool-use prompts come on top. Thoughts are beside the candidates on one
 * service and within them on another: the total tells. Without a total they are beside, as the reference says.
 */
export function readUsage(value: unknown): Usage | null {
  const usage = asObject(value);
  if (usage === null) return null;
  const prompt = asCount(usage.promptTokenCount);
  const toolUse = asCount(usage.toolUsePromptTokenCount) ?? 0;
  const candidates = asCount(usage.candidatesTokenCount);
  const thoughts = asCount(usage.thoughtsTokenCount);
  const total = asCount(usage.totalTokenCount);
  const within = total !== null && prompt !== null && total === prompt + toolUse + (candidates ?? 0);
  const counted = candidates !== null || thoughts !== null;
  return {
    input: prompt === null ? null : prompt + toolUse,
    cacheRead: asCount(usage.cachedContentTokenCount),
    cacheWrite: null,
    cacheWrite5m: null,
    cacheWrite1h: null,
    output: counted ? (candidates ?? 0) + (within ? 0 : (thoughts ?? 0)) : null,
    reasoning: thoughts,
  };
}
