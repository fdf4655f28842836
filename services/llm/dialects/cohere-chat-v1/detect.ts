import type { JsonObject } from '../../../common/json.ts';

export function isCallPath(path: string): boolean {
  return path.endsWith('/v1/chat');
}

/** `{"response_id":"…","text":"…","generation_id":"…","finish_reason":"COMPLETE"}` */
export function isAnswer(json: JsonObject): boolean {
  return typeof json.generation_id === 'string' && typeof json.text === 'string';
}

export function isEvent(_type: string, json: JsonObject): boolean {
  return json.event_type === 'stream-start';
}
