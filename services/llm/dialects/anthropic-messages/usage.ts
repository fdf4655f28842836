import { asCount, asObject, type JsonObject } from '../../../common/json.ts';
import type { Usage } from '../dialect.ts';

/** The API's `input_tokens` leaves out what was cached: total = input_tokens + cache_read + cache_creation. Output includes thinking. */
export function readUsage(value: unknown): Usage | null {
  const usage = asObject(value);
  if (usage === null) return null;
  const fresh = asCount(usage.input_tokens);
  const cacheRead = asCount(usage.cache_read_input_tokens);
  const split = asObject(usage.cache_creation);
  const cacheWrite5m = asCount(split?.ephemeral_5m_input_tokens);
  const cacheWrite1h = asCount(split?.ephemeral_1h_input_tokens);
  const told = asCount(usage.cache_creation_input_tokens);
  const cacheWrite = told ?? (split === null ? null : (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0));
  const details = asObject(usage.output_tokens_details);
  return {
    input: fresh === null ? null : fresh + (cacheRead ?? 0) + (cacheWrite ?? 0),
    cacheRead,
    cacheWrite,
    cacheWrite5m,
    cacheWrite1h,
    output: asCount(usage.output_tokens),
    reasoning: asCount(details?.thinking_tokens ?? details?.reasoning_tokens),
  };
}

/**
 * `message_delta` counts cumulatively: what it tells replaces what `message_start` told. A 0 there doesn't replace a count of
 * input, since some gateways fill in what they don't know with 0.
 */
export function mergeUsage(before: JsonObject, delta: JsonObject): JsonObject {
  const merged: Record<string, unknown> = { ...before };
  for (const [key, value] of Object.entries(delta)) {
    if (value === null || value === undefined) continue;
    if (value === 0 && key !== 'output_tokens' && typeof before[key] === 'number') continue;
    merged[key] = value;
  }
  return merged;
}
