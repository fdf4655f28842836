/** The agent that uses `@anthropic-ai/sdk`: Messages by hand (streaming) and by the SDK's tool runner. */
import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { PLANTED } from './credentials.ts';
import { identity, TOOLS, toolSchema } from './identity.ts';
import { REVIEWER, runTool, type Story } from './stories.ts';

const SYSTEM = 'You review pull requests. Read before you judge. Be precise and brief.';
const REVIEW_TOOLS = ['read_file', 'search_code'] as const;

async function streamTurn(anthropic: Anthropic, story: Story, messages: Anthropic.MessageParam[]): Promise<void> {
  for (;;) {
    const stream = anthropic.messages.stream(
      {
        model: 'claude-sonnet-4-5',
        max_tokens: 2000,
        system: [{ type: 'text', text: SYSTEM, cache_control: { type: 'ephemeral' } }],
        messages,
        tools: REVIEW_TOOLS.map((name) => ({
          name,
          description: TOOLS[name]!.description,
          input_schema: toolSchema(name),
        })),
        metadata: { user_id: story.user },
      },
      { headers: identity(story) },
    );
    const message = await stream.finalMessage();
    messages.push({ role: 'assistant', content: message.content as Anthropic.ContentBlockParam[] });
    const calls = message.content.filter((block) => block.type === 'tool_use');
    if (calls.length === 0) return;
    const content: Anthropic.ToolResultBlockParam[] = calls.map((call) => ({
      type: 'tool_result',
      tool_use_id: call.id,
      content: runTool(call.name, call.input as Record<string, unknown>),
    }));
    messages.push({ role: 'user', content });
  }
}

async function runnerTurn(anthropic: Anthropic, story: Story): Promise<void> {
  const runner = anthropic.beta.messages.toolRunner(
    {
      model: 'claude-haiku-4-5',
      max_tokens: 1000,
      system: SYSTEM,
      messages: [{ role: 'user', content: story.turns[0]!.prompt }],
      tools: REVIEW_TOOLS.map((name) =>
        betaTool({
          name,
          description: TOOLS[name]!.description,
          inputSchema: { type: 'object', properties: toolSchema(name).properties },
          run: (args) => runTool(name, args as Record<string, unknown>),
        }),
      ),
    },
    { headers: identity(story) },
  );
  await runner.runUntilDone();
}

export async function codeReviewer(url: string): Promise<void> {
  const anthropic = new Anthropic({
    baseURL: url,
    apiKey: PLANTED.anthropic,
    defaultHeaders: { 'x-agent-id': 'code-reviewer' },
  });
  for (const [at, story] of REVIEWER.entries()) {
    if (at === 2) {
      await runnerTurn(anthropic, story);
      continue;
    }
    const messages: Anthropic.MessageParam[] = [];
    await anthropic.messages.countTokens({
      model: 'claude-sonnet-4-5',
      messages: [{ role: 'user', content: story.turns[0]!.prompt }],
    });
    for (const turn of story.turns) {
      messages.push({ role: 'user', content: turn.prompt });
      await streamTurn(anthropic, story, messages);
    }
  }
}
