import type { JsonObject } from '../../../common/json.ts';
import { vertexPath } from '../shared/vertex-path.ts';

/**
 * OpenAI, Azure (`/openai/deployments/NAME/chat/completions`), vLLM, Ollama, gateways … all end alike. Mistral's agents, and its
 * models on Vertex, have the same bodies on other paths.
 */
export function isCallPath(path: string): boolean {
  if (path.endsWith('/chat/completions') || path.endsWith('/agents/completions')) return true;
  return vertexPath(path)?.publisher === 'mistralai';
}

/** Azure's first chunk has no choices, and the last one of any stream only the usage; the object's name tells. */
export function isAnswer(json: JsonObject): boolean {
  return json.object === 'chat.completion' && Array.isArray(json.choices);
}

export function isEvent(_type: string, json: JsonObject): boolean {
  return json.object === 'chat.completion.chunk' && Array.isArray(json.choices);
}
