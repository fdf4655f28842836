import type { JsonObject } from '../../json/value.ts';

/** OpenAI, Azure (`/openai/deployments/NAME/chat/completions`), vLLM, Ollama, gateways … all end alike. */
export function isCallPath(path: string): boolean {
  return path.endsWith('/chat/completions');
}

/** Azure's first chunk has no choices, and the last one of any stream only the usage; the object's name tells. */
export function isAnswer(json: JsonObject): boolean {
  return json.object === 'chat.completion' && Array.isArray(json.choices);
}

export function isEvent(_type: string, json: JsonObject): boolean {
  return json.object === 'chat.completion.chunk' && Array.isArray(json.choices);
}
