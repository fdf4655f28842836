import { asObject, type JsonObject } from '../../../common/json.ts';

/** `/responses/ID`, `/responses/input_tokens` and `/responses/compact` are no calls. */
export function isCallPath(path: string): boolean {
  return path.endsWith('/responses');
}

export function isAnswer(json: JsonObject): boolean {
  return json.object === 'response' && Array.isArray(json.output);
}

export function isEvent(_type: string, json: JsonObject): boolean {
  const type = json.type;
  if (typeof type !== 'string' || !type.startsWith('response.')) return false;
  return asObject(json.response) !== null || typeof json.output_index === 'number';
}
