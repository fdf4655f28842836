import type { JsonObject } from '../../../common/json.ts';

export function isCallPath(path: string): boolean {
  return path.endsWith('/completion');
}

/** `{"content":"…","stop":true,"tokens_predicted":…,"tokens_evaluated":…,"timings":{…}}` */
export function isAnswer(json: JsonObject): boolean {
  return typeof json.content === 'string' && typeof json.stop === 'boolean' && json.tokens_predicted !== undefined;
}

export function isEvent(_type: string, json: JsonObject): boolean {
  return isAnswer(json);
}
