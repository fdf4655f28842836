import { asCount, asObject, type JsonObject } from '../../../common/json.ts';
import type { Usage } from '../dialect.ts';

/**
 * `prompt_tokens` includes `cached_tokens`, `completion_tokens` includes `reasoning_tokens`. Gateways mix in Anthropic's names
 * and way of counting, DeepSeek has `prompt_cache_hit_tokens`, and xAI counts reasoning beside the completion: where the
 * parts don't fit into the whole, or the total says so, they were left out and are added.
 */
export function readUsage(value: unknown): Usage | null {
  const usage = asObject(value);
  if (usage === null) return null;
  const promptDetails = asObject(usage.prompt_tokens_details ?? usage.input_tokens_details);
  const completionDetails = asObject(usage.completion_tokens_details ?? usage.output_tokens_details);
  const split = asObject(usage.cache_creation);
  const cacheRead = asCount(
    promptDetails?.cached_tokens ??
      usage.cache_read_input_tokens ??
      usage.prompt_cache_hit_tokens ??
      // Moonshot and Mistral have it beside.
      usage.cached_tokens ??
      usage.num_cached_tokens,
  );
  const cacheWrite = asCount(
    usage.cache_creation_input_tokens ?? promptDetails?.cache_creation_tokens ?? promptDetails?.cache_write_tokens,
  );
  const reasoning = asCount(completionDetails?.reasoning_tokens ?? usage.reasoning_tokens);
  return {
    input: inputOf(usage, cacheRead ?? 0, cacheWrite ?? 0),
    cacheRead,
    cacheWrite,
    cacheWrite5m: asCount(split?.ephemeral_5m_input_tokens),
    cacheWrite1h: asCount(split?.ephemeral_1h_input_tokens),
    output: outputOf(usage, reasoning ?? 0),
    reasoning,
  };
}

function inputOf(usage: JsonObject, cacheRead: number, cacheWrite: number): number | null {
  const prompt = asCount(usage.prompt_tokens);
  const cached = cacheRead + cacheWrite;
  if (prompt === null) {
    const input = asCount(usage.input_tokens);
    // Only Anthropic's names: Anthropic's way of counting.
    const exclusive = usage.cache_read_input_tokens !== undefined || usage.cache_creation_input_tokens !== undefined;
    return input === null || !exclusive ? input : input + cached;
  }
  const total = asCount(usage.total_tokens);
  const completion = asCount(usage.completion_tokens) ?? 0;
  const leftOut = cached > 0 && (cached > prompt || total === prompt + completion + cached);
  return leftOut ? prompt + cached : prompt;
}

function outputOf(usage: JsonObject, reasoning: number): number | null {
  const completion = asCount(usage.completion_tokens ?? usage.output_tokens);
  if (completion === null || reasoning === 0) return completion;
  const prompt = asCount(usage.prompt_tokens ?? usage.input_tokens) ?? 0;
  const leftOut = reasoning > completion || asCount(usage.total_tokens) === prompt + completion + reasoning;
  return leftOut ? completion + reasoning : completion;
}

/**
 * llama.cpp tells its counts as `timings` even when no usage was asked for: `cache_n` tokens of the prompt were in the cache,
 * `prompt_n` weren't, `predicted_n` were generated. Old servers leave `cache_n` out: the whole prompt isn't known then.
 */
export function readTimings(value: unknown): Usage | null {
  const timings = asObject(value);
  const predicted = asCount(timings?.predicted_n);
  if (timings === null || predicted === null) return null;
  const cached = asCount(timings.cache_n);
  const fresh = asCount(timings.prompt_n);
  return {
    input: cached === null || fresh === null ? null : cached + fresh,
    cacheRead: cached,
    cacheWrite: null,
    cacheWrite5m: null,
    cacheWrite1h: null,
    output: predicted,
    reasoning: null,
  };
}
