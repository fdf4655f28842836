/** What Ollama's own APIs have in common: NDJSON whose last line has the counts, and settings in `options`. */
import type { FinishReason } from '../../../../schemas/call.ts';
import { asCount, asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';
import type { RequestFields, Usage } from '../dialect.ts';
import { plainUsage } from './facts.ts';

const FINISH: Readonly<Record<string, FinishReason>> = { stop: 'stop', length: 'length' };

/** `load` and `unload`: no text was asked for, the model was put into memory or taken out. */
export function mapFinishReason(raw: string, asksTools: boolean): FinishReason {
  if (raw === '') return '';
  const finish = FINISH[raw] ?? 'other';
  // The API has no word of its own for it: a tool call ends with `stop` as well.
  return finish === 'stop' && asksTools ? 'tool_calls' : finish;
}

/** `prompt_eval_count` includes what was found in the cache in new releases; old ones leave it out when all of it was. */
export function readUsage(json: JsonObject): Usage | null {
  return plainUsage(asCount(json.prompt_eval_count), asCount(json.eval_count));
}

/** Streams unless told otherwise. */
export function fields(json: JsonObject): RequestFields {
  const options = asObject(json.options);
  return {
    model: asString(json.model),
    streaming: json.stream !== false,
    maxOutputTokens: asNumber(options?.num_predict),
    temperature: asNumber(options?.temperature),
    previousResponseId: '',
    agentId: '',
    sessionId: '',
    userId: '',
  };
}
