import { asObject, type JsonObject } from '../../../common/json.ts';

export function isCallPath(path: string): boolean {
  return path.endsWith('/api/chat');
}

/** `{"model":"…","created_at":"…","message":{"role":"assistant",…},"done":true}`; each line of a stream looks like it. */
export function isAnswer(json: JsonObject): boolean {
  return typeof json.done === 'boolean' && typeof json.created_at === 'string' && asObject(json.message) !== null;
}

export function isEvent(_type: string, json: JsonObject): boolean {
  return isAnswer(json);
}
