import { asCount, asObject, type JsonObject } from '../../../common/json.ts';
import type { Usage } from '../dialect.ts';

/**
 * Usage in one of the shapes that APIs have taken over from each other:
 *
 *     OpenAI and imitators   {"usage":{"prompt_tokens":…,"completion_tokens":…,"prompt_tokens_details":{"cached_tokens":…}}}
 *     Anthropic and Responses {"usage":{"input_tokens":…,"output_tokens":…,"cache_read_input_tokens":…}}
 *     Bedrock Converse       {"usage":{"inputTokens":…,"outputTokens":…,"cacheReadInputTokens":…}}
 *     Ollama                 {"prompt_eval_count":…,"eval_count":…}
 *
 * Cached tokens under Anthropic's or Bedrock's names come on top of the input. Null when it has none of these shapes.
 */
export function readUsage(json: JsonObject): Usage | null {
  const usage = asObject(json.usage) ?? {};
  const prompt = asCount(usage.prompt_tokens ?? json.prompt_eval_count);
  const input = asCount(usage.input_tokens ?? usage.inputTokens);
  const output = asCount(usage.completion_tokens ?? usage.output_tokens ?? usage.outputTokens ?? json.eval_count);
  if (prompt === null && input === null && output === null) return null;
  const details = asObject(usage.prompt_tokens_details ?? usage.input_tokens_details);
  const within = asCount(details?.cached_tokens);
  const beside = asCount(usage.cache_read_input_tokens ?? usage.cacheReadInputTokens);
  const cacheWrite = asCount(usage.cache_creation_input_tokens ?? usage.cacheWriteInputTokens);
  const reasoning = asObject(usage.completion_tokens_details ?? usage.output_tokens_details);
  return {
    input: prompt ?? (input === null ? null : input + (beside ?? 0) + (cacheWrite ?? 0)),
    cacheRead: within ?? beside,
    cacheWrite,
    cacheWrite5m: null,
    cacheWrite1h: null,
    output,
    reasoning: asCount(reasoning?.reasoning_tokens),
  };
}
