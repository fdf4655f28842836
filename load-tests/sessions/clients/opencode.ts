/** opencode 1.18: a subagent is a session of its own that names its parent. */
import { COMMON_TOOLS, type WireClient } from '../client.ts';
import type { PlayedSession } from '../stage.ts';

const idOf = ({ uuid }: PlayedSession): string => `ses_${uuid.replaceAll('-', '').slice(0, 26)}`;

export const opencode: WireClient = {
  agentId: 'opencode',
  clientName: 'opencode',
  dialect: 'openai.chat',
  userAgent: 'opencode/1.18.33 ai-sdk/provider-utils/4.0.1 runtime/bun/1.3.1',
  system: 'You are opencode.',
  model: 'qwen3-coder',
  servedModel: 'qwen3-coder',
  streaming: true,
  sessionSource: 'header',
  children: 'session',
  tools: [...COMMON_TOOLS, { name: 'task', description: 'Starts an agent.', parameters: ['description', 'prompt'] }],
  spawn: { tool: 'task', task: 'prompt' },
  sessionId: ({ session }) => idOf(session),
  headers: ({ line: { session } }) => [
    ['x-session-id', idOf(session)],
    ['x-session-affinity', idOf(session)],
    ...(session.parent === null ? [] : [['x-parent-session-id', idOf(session.parent)] as const]),
  ],
  dress: (body) => body,
  report: (answer, { session }) => `<task id="${idOf(session)}">\n<result>${answer}</result>\n</task>`,
};
