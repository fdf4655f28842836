/** Claude Code 2.1: a session header, moving cache marks, system messages in the middle that change shape, subagents by header. */
import { type Body, COMMON_TOOLS, type Outgoing, type WireClient } from '../client.ts';
import type { Line } from '../line.ts';

interface Message {
  readonly role: string;
  readonly content: unknown;
}

const MARK = { cache_control: { type: 'ephemeral' } };
const DEVICE = '5'.repeat(64);
const agentIdOf = ({ uuid }: Line): string => uuid.replaceAll('-', '').slice(0, 17);

/** The newest message carries the mark. */
function marked({ role, content }: Message): Message {
  if (typeof content === 'string') return { role, content: [{ type: 'text', text: content, ...MARK }] };
  const blocks = content as Record<string, unknown>[];
  return { role, content: blocks.map((block, at) => (at === blocks.length - 1 ? { ...block, ...MARK } : block)) };
}

function withReminder({ role, content }: Message): Message {
  const reminder = { type: 'text', text: '<system-reminder>\nAs you answer, mind the files.\n</system-reminder>' };
  return { role, content: [reminder, ...(content as unknown[])] };
}

/** A system message stands behind the first results: a list while it is last, a string afterwards. */
function messagesOf(list: readonly Message[]): Message[] {
  const messages = list.map((message, at) => (at === 0 ? withReminder(message) : message));
  const results = messages.findIndex(({ content }) => JSON.stringify(content).includes('"tool_result"'));
  if (results >= 0) messages.splice(results + 1, 0, { role: 'system', content: 'These tools can be loaded: none.' });
  return messages.map((message, at) => (at === messages.length - 1 ? marked(message) : message));
}

function systemOf({ line, kind }: Outgoing, system: unknown): unknown[] {
  const subagent = kind === 'subagent' ? ' cc_is_subagent=true;' : '';
  const version = `2.1.330.${line.uuid.slice(0, 3)}`;
  const text = `x-anthropic-billing-header: cc_version=${version}; cc_entrypoint=cli;${subagent}`;
  return [{ type: 'text', text }, ...(system as unknown[])];
}

function dress(body: Body, outgoing: Outgoing): Body {
  const session = outgoing.line.root.session.uuid;
  const user = JSON.stringify({ device_id: DEVICE, account_uuid: '', session_id: session });
  const format = { type: 'json_schema', schema: { type: 'object', properties: { title: { type: 'string' } } } };
  return {
    ...body,
    system: systemOf(outgoing, body.system),
    messages: messagesOf(body.messages as Message[]),
    metadata: { user_id: user },
    ...(outgoing.kind === 'title' ? { output_config: { format } } : {}),
  };
}

export const claudeCode: WireClient = {
  agentId: 'claude-code',
  clientName: 'claude-code',
  userId: DEVICE,
  dialect: 'anthropic.messages',
  userAgent: 'claude-cli/2.1.330 (external, cli)',
  system: 'You are Claude Code, a tool for work on code.',
  model: 'claude-opus-4-5',
  servedModel: 'claude-opus-4-5-20251101',
  streaming: true,
  sessionSource: 'header',
  children: 'thread',
  tools: [...COMMON_TOOLS, { name: 'Agent', description: 'Starts an agent.', parameters: ['description', 'prompt'] }],
  spawn: { tool: 'Agent', task: 'prompt' },
  probes: '/api/hello',
  sessionId: (line) => line.session.uuid,
  headers: ({ line, kind }) => [
    ['x-claude-code-session-id', line.root.session.uuid],
    ['x-app', 'cli'],
    ['x-stainless-retry-count', '0'],
    ...(kind === 'subagent' ? [['x-claude-code-agent-id', agentIdOf(line)] as const] : []),
  ],
  dress,
  report: (answer, child) => `${answer}\nagentId: ${agentIdOf(child)} (for resuming)`,
};

export const CLAUDE_COMPACTION = 'CRITICAL: Respond with TEXT ONLY. Do not call any tools. Sum the conversation up.';
export const claudeOpening = (summary: string): string =>
  `This session is being continued from a previous conversation that ran out of context.\n${summary}`;
