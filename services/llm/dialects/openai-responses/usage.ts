import { asCount, asObject } from '../../../common/json.ts';
import type { Usage } from '../dialect.ts';

/** `input_tokens` includes the cached ones, `output_tokens` the reasoning. */
export function readUsage(value: unknown): Usage | null {
  const usage = asObject(value);
  if (usage === null) return null;
  const input = asObject(usage.input_tokens_details);
  const output = asObject(usage.output_tokens_details);
  return {
    input: asCount(usage.input_tokens),
    cacheRead: asCount(input?.cached_tokens),
    cacheWrite: asCount(input?.cache_write_tokens ?? input?.cache_creation_tokens),
    cacheWrite5m: null,
    cacheWrite1h: null,
    output: asCount(usage.output_tokens),
    reasoning: asCount(output?.reasoning_tokens),
  };
}
