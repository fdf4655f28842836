/** Programs that are built on an SDK: nothing but the SDK's own marks. */
import { COMMON_TOOLS, PLAIN, type SessionDialect, type WireClient } from '../client.ts';

const sdk = (
  dialect: SessionDialect,
  userAgent: string,
  clientName: string,
  model: string,
  served: string,
): WireClient => ({
  ...PLAIN,
  agentId: '',
  clientName,
  dialect,
  userAgent,
  system: 'You help people with their birds.',
  model,
  servedModel: served,
  streaming: true,
  sessionSource: 'content',
  tools: COMMON_TOOLS,
  spawn: { tool: 'delegate', task: 'task' },
  headers: ({ attempt }) => [['x-stainless-retry-count', String(attempt)]],
});

export const chatSdk = sdk(
  'openai.chat',
  'OpenAI/Python 3.54.0',
  'openai-python',
  'gpt-4.1-mini',
  'gpt-4.1-mini-2025-04-14',
);
export const messagesSdk = sdk(
  'anthropic.messages',
  'Anthropic/Python 2.12.0',
  'anthropic-python',
  'claude-haiku-4-5',
  'claude-haiku-4-5-20251001',
);
export const responsesSdk = sdk('openai.responses', 'OpenAI/JS 7.57.0', 'openai-js', 'gpt-5', 'gpt-5-2025-08-07');
export const geminiSdk = sdk(
  'gemini.generate_content',
  'google-genai-sdk/3.4.0 gl-python/3.13',
  'google-genai-sdk',
  'gemini-2.5-flash',
  'gemini-2.5-flash',
);

/** A chat without any tools. */
export const chatOnly: WireClient = { ...chatSdk, tools: [], streaming: false, userAgent: 'node', clientName: 'node' };
