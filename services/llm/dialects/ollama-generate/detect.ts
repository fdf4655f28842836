import type { JsonObject } from '../../../common/json.ts';

export function isCallPath(path: string): boolean {
  return path.endsWith('/api/generate');
}

/** `{"model":"…","created_at":"…","response":"…","done":true}`; each line of a stream looks like it. */
export function isAnswer(json: JsonObject): boolean {
  return typeof json.done === 'boolean' && typeof json.created_at === 'string' && typeof json.response === 'string';
}

export function isEvent(_type: string, json: JsonObject): boolean {
  return isAnswer(json);
}
