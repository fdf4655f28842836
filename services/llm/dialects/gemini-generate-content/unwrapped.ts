import { asObject, type JsonObject } from '../../../common/json.ts';

/** Code Assist wraps what the API sends: `{"response":{"candidates":[…],…},"traceId":"…"}`. Anything else is returned as it is. */
export function unwrapped(json: JsonObject): JsonObject {
  if (json.candidates !== undefined) return json;
  return asObject(json.response) ?? json;
}
