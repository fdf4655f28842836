/**
 * InvokeModel passes a model's own answer on. By its shape:
 *
 *     Nova       {"output":{"message":{…}},"stopReason":"…","usage":{…}}                      as Converse has it
 *     chat       {"choices":[{"message":{…},"finish_reason":"…"}],"usage":{…}}                gpt-oss, Jamba, newer Mistral, DeepSeek
 *     Llama      {"generation":"…","prompt_token_count":1,"generation_token_count":2,"stop_reason":"stop"}
 *     Titan      {"inputTextTokenCount":1,"results":[{"tokenCount":2,"outputText":"…","completionReason":"FINISH"}]}
 *     Mistral    {"outputs":[{"text":"…","stop_reason":"stop"}]}
 *     Cohere     {"text":"…","finish_reason":"COMPLETE"}, {"generations":[{"text":"…","finish_reason":"COMPLETE"}]}
 */
import type { FinishReason } from '../../../../schemas/call.ts';
import { asArray, asCount, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { answer as converseAnswer } from '../bedrock-converse/response.ts';
import type { ResponseFacts, Usage } from '../dialect.ts';
import { answer as chatAnswer } from '../openai-chat/response.ts';
import { NO_FACTS, plainUsage } from '../shared/facts.ts';

const FINISH: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  finish: 'stop',
  finished: 'stop',
  complete: 'stop',
  stop_criteria_met: 'stop',
  endoftext: 'stop',
  length: 'length',
  max_tokens: 'length',
  tool_calls: 'tool_calls',
  content_filtered: 'content_filter',
  error: 'error',
};

const METRICS = 'amazon-bedrock-invocationMetrics';

/** The last event of a stream has what the head of a whole answer has. */
export function metricsOf(json: JsonObject): Usage | null {
  const metrics = asObject(json[METRICS]);
  if (metrics === null) return null;
  return plainUsage(asCount(metrics.inputTokenCount), asCount(metrics.outputTokenCount));
}

function usageOf(json: JsonObject, first: JsonObject | null): Usage | null {
  const input = asCount(json.prompt_token_count ?? json.inputTextTokenCount);
  const output = asCount(json.generation_token_count ?? first?.tokenCount ?? json.totalOutputTextTokenCount);
  return plainUsage(input, output) ?? metricsOf(json);
}

function plainAnswer(json: JsonObject): ResponseFacts {
  const first = asObject(asArray(json.results ?? json.outputs ?? json.generations)[0]);
  const told = first ?? json;
  const raw =
    asString(told.stop_reason) ||
    asString(told.completionReason) ||
    asString(told.finish_reason) ||
    asString(told.finishReason);
  const finishReason = raw === '' ? '' : (FINISH[raw.toLowerCase()] ?? 'other');
  return {
    ...NO_FACTS,
    responseId: asString(json.id) || asString(json.generation_id),
    finishReason,
    finishReasonRaw: raw,
    refused: finishReason === 'content_filter',
    usage: usageOf(json, first),
    text: asString(told.generation) || asString(told.outputText) || asString(told.text),
  };
}

export function answer(json: JsonObject): ResponseFacts {
  if (asObject(json.output)?.message !== undefined) return converseAnswer(json);
  if (Array.isArray(json.choices)) {
    const facts = chatAnswer(json);
    return { ...facts, usage: facts.usage ?? metricsOf(json) };
  }
  return plainAnswer(json);
}
