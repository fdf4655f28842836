import { asObject, type JsonObject } from '../../../common/json.ts';

export function isCallPath(path: string): boolean {
  return path.endsWith('/v2/chat');
}

/** `{"id":"…","message":{"role":"assistant","content":[…]},"finish_reason":"COMPLETE","usage":{"tokens":…}}` */
export function isAnswer(json: JsonObject): boolean {
  const usage = asObject(json.usage);
  return asObject(json.message)?.role === 'assistant' && asObject(usage?.tokens ?? usage?.billed_units) !== null;
}

export function isEvent(_type: string, json: JsonObject): boolean {
  return json.type === 'message-start' && asObject(asObject(json.delta)?.message) !== null;
}
