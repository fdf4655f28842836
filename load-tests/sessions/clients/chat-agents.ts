/** Agents over Chat Completions that tell no session: Qwen Code, Cline, Continue, OpenClaw. */
import { type Body, COMMON_TOOLS, type Outgoing, PLAIN, type WireClient } from '../client.ts';
import { chatSdk } from './plain.ts';

export const qwenCode: WireClient = {
  ...PLAIN,
  agentId: 'qwen-code',
  clientName: 'qwen-code',
  dialect: 'openai.chat',
  userAgent: 'QwenCode/0.24.4 (linux; x64)',
  system: 'You are Qwen Code.',
  model: 'qwen3-coder-plus',
  servedModel: 'qwen3-coder-plus',
  streaming: true,
  sessionSource: 'content',
  tools: [...COMMON_TOOLS, { name: 'agent', description: 'Starts an agent.', parameters: ['description', 'prompt'] }],
  spawn: { tool: 'agent', task: 'prompt' },
  /** It leaves the less to the answer the fuller the context is. */
  dress: (body: Body) => ({ ...body, max_completion_tokens: 64_000 - (body.messages as unknown[]).length * 128 }),
};

export const QWEN_COMPACTION = 'You are the component that summarizes internal chat history into a given structure.';

export const cline: WireClient = {
  ...PLAIN,
  agentId: 'cline',
  clientName: 'ai-sdk-openai-compatible',
  dialect: 'openai.chat',
  userAgent: 'ai-sdk/openai-compatible/3.0.65 runtime/bun/1.3.1',
  system: 'You are Cline, a highly skilled software engineer.',
  model: 'kimi-k2',
  servedModel: 'kimi-k2',
  streaming: true,
  sessionSource: 'content',
  tools: [
    ...COMMON_TOOLS,
    { name: 'attempt_completion', description: 'Ends the task.', parameters: ['result'] },
    { name: 'ask_followup_question', description: 'Asks the user.', parameters: ['question'] },
  ],
};

export const continueCli: WireClient = {
  ...chatSdk,
  agentId: 'continue',
  clientName: 'continue',
  userAgent: 'ls/JS 1.5.47',
  system: 'You are an agent in the Continue CLI.',
  newConnections: true,
};

const trace = ({ line }: Outgoing): string => line.session.uuid.replaceAll('-', '');

/** A message with its own context always comes last, and tool call ids lose their punctuation. */
export const openclaw: WireClient = {
  ...chatSdk,
  agentId: 'openclaw',
  clientName: 'openai-js',
  userAgent: 'OpenAI/JS 7.57.0',
  system: 'You are a personal assistant running inside OpenClaw.',
  sessionSource: 'client_profile',
  sessionId: ({ session }) => session.uuid.replaceAll('-', ''),
  headers: (outgoing) => [['traceparent', `00-${trace(outgoing)}-${outgoing.line.stage.random.hex(16)}-01`]],
  dress: (body, { line }) => {
    const context = `<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>\nclock ${line.clock}\n<<<END_OPENCLAW_INTERNAL_CONTEXT>>>`;
    return { ...body, messages: [...(body.messages as unknown[]), { role: 'user', content: context }] };
  },
  echoedId: (id) => id.replaceAll(/[^A-Za-z0-9]/g, ''),
};
