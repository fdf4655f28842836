import type { JsonObject } from '../../../common/json.ts';

const OTHERS = ['/chat/completions', '/agents/completions'];

/** Also Mistral's `/fim/completions`, which asks like this and answers like chat. */
export function isCallPath(path: string): boolean {
  return path.endsWith('/completions') && !OTHERS.some((other) => path.endsWith(other));
}

export function isAnswer(json: JsonObject): boolean {
  return json.object === 'text_completion' && Array.isArray(json.choices);
}

export function isEvent(_type: string, json: JsonObject): boolean {
  return isAnswer(json);
}
