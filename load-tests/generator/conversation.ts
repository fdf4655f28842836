/** A conversation that grows call by call, as agents have them: the whole history goes out with every request. */
import type { DialectName, Reply, ToolCall, ToolDefinition, Turn } from '../dialects/dialect.ts';
import { DIALECTS } from '../dialects/index.ts';
import type { Random } from './random.ts';
import { prompt, sentence } from './words.ts';

export interface AgentProfile {
  /** '' = sends no header. */
  readonly agentId: string;
  readonly dialect: DialectName;
  readonly model: string;
  /** What the provider answers as its model. */
  readonly servedModel: string;
  readonly host: string;
  readonly userAgent: string;
  /** Always asks for the same tool with the same arguments. */
  readonly loops: boolean;
}

const profile = (
  agentId: string,
  dialect: DialectName,
  model: string,
  servedModel: string,
  host: string,
  userAgent: string,
  loops = false,
): AgentProfile => ({ agentId, dialect, model, servedModel, host, userAgent, loops });

export const PROFILES: readonly AgentProfile[] = [
  profile(
    'support-bot',
    'openai.chat',
    'gpt-4.1-mini',
    'gpt-4.1-mini-2025-04-14',
    'api.openai.com',
    'OpenAI/Python 1.99.1',
  ),
  profile(
    'sorter',
    'openai.chat',
    'qwen3-32b',
    'qwen3-32b',
    'vllm.internal:8000',
    'ai-sdk/openai-compatible/1.0.7 runtime/node.js/24',
  ),
  profile('', 'openai.chat', 'gpt-4o', 'gpt-4o-2024-08-06', 'api.openai.com', 'node'),
  profile(
    'code-reviewer',
    'anthropic.messages',
    'claude-sonnet-4-5',
    'claude-sonnet-4-5-20250929',
    'api.anthropic.com',
    'Anthropic/JS 0.68.0',
  ),
  profile(
    '',
    'anthropic.messages',
    'claude-haiku-4-5',
    'claude-haiku-4-5-20251001',
    'api.anthropic.com',
    'claude-cli/2.1.330 (external, cli)',
  ),
  profile(
    'ops-loop',
    'anthropic.messages',
    'claude-haiku-4-5',
    'claude-haiku-4-5-20251001',
    'api.anthropic.com',
    'Anthropic/Python 0.71.0',
    true,
  ),
  profile('research-agent', 'openai.responses', 'gpt-5', 'gpt-5-2025-08-07', 'api.openai.com', 'OpenAI/JS 5.20.0'),
  profile(
    'planner',
    'openai.responses',
    'gpt-5-mini',
    'gpt-5-mini-2025-08-07',
    'api.openai.com',
    'OpenAI/Python 1.99.1',
  ),
  profile(
    'translator',
    'gemini.generate_content',
    'gemini-2.5-flash',
    'gemini-2.5-flash',
    'generativelanguage.googleapis.com',
    'google-genai-sdk/1.20.0 gl-node/v24',
  ),
  profile(
    'summariser',
    'gemini.generate_content',
    'gemini-2.5-pro',
    'gemini-2.5-pro',
    'generativelanguage.googleapis.com',
    'google-genai-sdk/1.38.0 gl-python/3.12',
  ),
  profile(
    'claims-bot',
    'bedrock.converse',
    'us.amazon.nova-pro-v1:0',
    'us.amazon.nova-pro-v1:0',
    'bedrock-runtime.us-east-1.amazonaws.com',
    'Boto3/1.40.1 md/Botocore#1.40.1',
  ),
  profile(
    'auditor',
    'anthropic.bedrock',
    'anthropic.claude-sonnet-4-5-20250929-v1:0',
    'claude-sonnet-4-5-20250929',
    'bedrock-runtime.eu-west-1.amazonaws.com',
    'aws-sdk-js/3.800.0 ua/2.1 os/linux lang/js',
  ),
  profile('notes', 'ollama.chat', 'qwen3:8b', 'qwen3:8b', '127.0.0.1:11434', 'ollama-js/0.6.0 (x64 linux Node.js/v24)'),
  profile('classifier', 'cohere.chat', 'command-a-03-2025', '', 'api.cohere.com', 'cohere/5.15.0'),
  profile(
    'completer',
    'openai.completions',
    'starcoder2',
    'starcoder2',
    'vllm.internal:8000',
    'python-requests/2.32.3',
  ),
];

/** Agents whose requests and answers other services carry, wrapped or on paths of their own. */
export const CARRIED_PROFILES: readonly AgentProfile[] = [
  profile(
    'editor',
    'gemini.code_assist',
    'gemini-2.5-pro',
    'gemini-2.5-pro',
    'cloudcode-pa.googleapis.com',
    'GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux; x64)',
  ),
  profile(
    'planner',
    'anthropic.vertex',
    'claude-sonnet-4-5@20250929',
    'claude-sonnet-4-5-20250929',
    'europe-west1-aiplatform.googleapis.com',
    'AnthropicVertex/Python 0.71.0',
  ),
];

const TOOLS: readonly ToolDefinition[] = [
  { name: 'read_file', description: 'Reads a file.', parameters: ['path'] },
  { name: 'search_code', description: 'Searches for a text.', parameters: ['pattern', 'folder'] },
  { name: 'run_query', description: 'Runs SQL — read only.', parameters: ['sql'] },
  { name: 'check_service', description: 'Tells whether a service is healthy.', parameters: ['name'] },
  { name: 'send_mail', description: 'Sends a mail („Brief“).', parameters: ['to', 'text'] },
];

/** Turns after which a conversation begins anew. */
const TURNS_MAX = 24;

export class Conversation {
  readonly profile: AgentProfile;
  readonly system: string;
  readonly tools: readonly ToolDefinition[];
  readonly user: string;
  sessionId: string;
  turns: Turn[] = [];
  readonly #random: Random;

  constructor(profile: AgentProfile, random: Random) {
    this.profile = profile;
    this.#random = random;
    this.system = random.chance(0.8) ? sentence(random, random.int(8, 60)) : '';
    const tools = profile.loops || random.chance(0.6) ? TOOLS.slice(0, random.int(4, TOOLS.length)) : [];
    this.tools = DIALECTS[profile.dialect].hasTools === false ? [] : tools;
    this.user = random.chance(0.5) ? `user-${random.int(1, 40)}` : '';
    this.sessionId = this.#newSession();
  }

  /** Makes sure that the last turn is one that a model can answer. */
  ask(): readonly Turn[] {
    if (this.turns.length > TURNS_MAX) {
      this.turns = [];
      this.sessionId = this.#newSession();
    }
    const last = this.turns.at(-1);
    if (last === undefined || last.role === 'assistant') this.turns.push({ role: 'user', text: prompt(this.#random) });
    return this.turns;
  }

  /** Adds the reply, and what the tools returned. */
  answer(reply: Reply): void {
    this.turns.push({ role: 'assistant', text: reply.text, toolCalls: reply.toolCalls });
    for (const call of reply.toolCalls) {
      const result = this.profile.loops ? 'unhealthy' : sentence(this.#random, this.#random.int(3, 60));
      this.turns.push({ role: 'tool', callId: call.id, name: call.name, result });
    }
  }

  toolCalls(): ToolCall[] {
    const random = this.#random;
    const id = (): string => DIALECTS[this.profile.dialect].idPrefixes[1] + random.hex(20);
    if (this.profile.loops) return [{ id: id(), name: 'check_service', arguments: '{"name":"billing"}' }];
    const calls: ToolCall[] = [];
    for (let left = random.weighted({ 1: 6, 2: 3, 3: 1 }); Number(left) > calls.length; ) {
      const tool = random.pick(this.tools);
      const args = tool.parameters.map((name) => [name, sentence(random, random.int(1, 12))]);
      calls.push({ id: id(), name: tool.name, arguments: JSON.stringify(Object.fromEntries(args)) });
    }
    return calls;
  }

  #newSession(): string {
    return this.#random.chance(0.8) ? `session-${this.#random.hex(8)}` : '';
  }
}
