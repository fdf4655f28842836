import type { FinishReason } from '../../../../schemas/call.ts';
import { asCount, asObject, asString, type JsonObject } from '../../../common/json.ts';
import { readApiError } from '../../api-error.ts';
import type { ResponseFacts } from '../dialect.ts';
import { NO_FACTS, plainUsage } from '../shared/facts.ts';

const FINISH: Readonly<Record<string, FinishReason>> = { eos: 'stop', word: 'stop', limit: 'length' };

export function answer(json: JsonObject): ResponseFacts {
  const raw = asString(json.stop_type);
  const usage = plainUsage(asCount(json.tokens_evaluated), asCount(json.tokens_predicted));
  return {
    ...NO_FACTS,
    model: asString(json.model),
    finishReason: raw === '' || raw === 'none' ? '' : (FINISH[raw] ?? 'other'),
    finishReasonRaw: raw,
    usage: usage === null ? null : { ...usage, cacheRead: asCount(asObject(json.timings)?.cache_n) },
    text: asString(json.content),
    error: json.error === undefined ? null : readApiError(json),
  };
}
