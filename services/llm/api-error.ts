/** Error bodies and error events. The APIs differ little, and gateways pass each other's on, so one reader takes all. */
import { asArray, asObject, asString, type JsonObject } from '../common/json.ts';

export interface ApiError {
  /** The API's own word for the kind of error; '' when it has none. */
  readonly type: string;
  readonly message: string;
}

function codeOf(value: unknown): string {
  return typeof value === 'number' ? String(value) : asString(value);
}

/**
 *     Anthropic   {"type":"error","error":{"type":"overloaded_error","message":"…"}}
 *     OpenAI      {"error":{"message":"…","type":"invalid_request_error","code":"…"}}
 *     Responses   {"type":"error","code":"…","message":"…"}
 *     Gemini      {"error":{"code":429,"message":"…","status":"RESOURCE_EXHAUSTED"}}, or a list of one of these
 *     vLLM        {"object":"error","message":"…","type":"BadRequestError","code":400}
 *     TGI         {"error":"…","error_type":"overloaded"}
 *     others      {"error":"…"}, {"detail":"…"}, {"message":"…"}
 */
export function readApiError(value: unknown): ApiError | null {
  const json = asObject(Array.isArray(value) ? value[0] : value);
  if (json === null) return null;
  const error = asObject(json.error);
  if (error !== null) return fromObject(error);
  if (typeof json.error === 'string') return { type: asString(json.error_type), message: json.error };
  if (json.object === 'error' || json.type === 'error') {
    return { type: json.type === 'error' ? codeOf(json.code) : asString(json.type), message: asString(json.message) };
  }
  const detail = json.detail ?? json.message;
  if (detail === undefined) return null;
  return { type: '', message: typeof detail === 'string' ? detail : JSON.stringify(detail) };
}

function fromObject(error: JsonObject): ApiError {
  const type = asString(error.type) || asString(error.status) || codeOf(error.code);
  const nested = asString(asObject(asArray(error.details)[0])?.message);
  return { type, message: asString(error.message) || nested };
}
