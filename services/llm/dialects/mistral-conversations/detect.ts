import type { JsonObject } from '../../../common/json.ts';

/** `/v1/conversations`, `/v1/conversations/ID` and `/v1/conversations/ID/restart`. OpenAI has a path like the first, without `inputs`. */
export function isCallPath(path: string): boolean {
  return /\/v1\/conversations(\/[^/]+(\/restart)?)?$/.test(path);
}

export function isAnswer(json: JsonObject): boolean {
  return json.object === 'conversation.response' && Array.isArray(json.outputs);
}

export function isEvent(_type: string, json: JsonObject): boolean {
  return json.type === 'conversation.response.started';
}
