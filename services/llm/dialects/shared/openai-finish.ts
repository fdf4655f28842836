import type { FinishReason } from '../../../../schemas/call.ts';

/** OpenAI's reasons, and those that servers with its API have added. */
const FINISH: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
  error: 'error',
  // Text Generation Inference.
  eos_token: 'stop',
  stop_sequence: 'stop',
  // Mistral: the model's window is full.
  model_length: 'length',
  // SGLang, vLLM: the server gave the request up.
  abort: 'error',
  // DeepSeek: it was interrupted.
  insufficient_system_resource: 'error',
  // Gateways in front of other APIs.
  end_turn: 'stop',
  max_tokens: 'length',
  tool_use: 'tool_calls',
};

export function mapFinishReason(raw: string): FinishReason {
  return raw === '' ? '' : (FINISH[raw] ?? 'other');
}
