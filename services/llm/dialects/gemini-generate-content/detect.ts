import { asObject, type JsonObject } from '../../../common/json.ts';
import { unwrapped } from './unwrapped.ts';

/**
 * AI Studio `/v1beta/models/M:generateContent`, Vertex `/v1/projects/…/models/M:streamGenerateContent`, Code Assist
 * `/v1internal:generateContent`. `:countTokens` is no call.
 */
export function isCallPath(path: string): boolean {
  return path.endsWith(':generateContent') || path.endsWith(':streamGenerateContent');
}

export function isAnswer(outer: JsonObject): boolean {
  const json = unwrapped(outer);
  if (typeof json.modelVersion !== 'string' && asObject(json.usageMetadata) === null) return false;
  return Array.isArray(json.candidates) || asObject(json.promptFeedback) !== null;
}

export function isEvent(_type: string, json: JsonObject): boolean {
  return isAnswer(json);
}
