import { asObject, type JsonObject } from '../../../common/json.ts';

export function isCallPath(path: string): boolean {
  return (path.endsWith('/generate') && !path.endsWith('/api/generate')) || path.endsWith('/generate_stream');
}

export function isAnswer(json: JsonObject): boolean {
  return typeof json.generated_text === 'string' && asObject(json.details) !== null;
}

export function isEvent(_type: string, json: JsonObject): boolean {
  return typeof asObject(json.token)?.text === 'string' && json.generated_text !== undefined;
}
