import { asObject, type JsonObject } from '../../../common/json.ts';
import { bedrockPath, mayBeAnthropic } from '../shared/bedrock-path.ts';
import { vertexPath } from '../shared/vertex-path.ts';

/** `count_tokens` and `batches` lie below this path and are no calls; on Vertex counting looks like a model. */
export function isCallPath(path: string): boolean {
  if (path.endsWith('/v1/messages') || path === '/messages') return true;
  const vertex = vertexPath(path);
  if (vertex !== null) return vertex.publisher === 'anthropic' && vertex.model !== 'count-tokens';
  const bedrock = bedrockPath(path);
  return bedrock?.operation.startsWith('invoke') === true && mayBeAnthropic(bedrock);
}

/** `{"type":"message","role":"assistant","content":[…]}` */
export function isAnswer(json: JsonObject): boolean {
  return json.type === 'message' && json.role === 'assistant' && Array.isArray(json.content);
}

export function isEvent(_type: string, json: JsonObject): boolean {
  switch (json.type) {
    case 'message_start':
      return asObject(json.message) !== null;
    case 'content_block_start':
      return asObject(json.content_block) !== null;
    case 'content_block_delta':
    case 'message_delta':
      return asObject(json.delta) !== null;
    default:
      return false;
  }
}
