/** Agents that use the `openai` package: Chat Completions and Responses. */
import OpenAI from 'openai';
import { PLANTED } from './credentials.ts';
import { identity, TOOLS, toolSchema } from './identity.ts';
import { OPS, RESEARCH, runTool, type Story, SUPPORT, TROUBLE, WRITER } from './stories.ts';

type ChatMessage = OpenAI.Chat.Completions.ChatCompletionMessageParam;

function client(url: string, agent: string, apiKey: string = PLANTED.openai): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, defaultHeaders: { 'x-agent-id': agent } });
}

const chatTools = (names: readonly string[]): OpenAI.Chat.Completions.ChatCompletionFunctionTool[] =>
  names.map((name) => ({
    type: 'function',
    function: { name, description: TOOLS[name]!.description, parameters: toolSchema(name) },
  }));

/** Streams every answer and runs its tools by hand, as agents without a framework do. */
async function supportTurn(openai: OpenAI, story: Story, messages: ChatMessage[]): Promise<void> {
  for (;;) {
    const stream = openai.chat.completions.stream(
      {
        model: 'gpt-4.1-mini',
        messages,
        tools: chatTools(['lookup_order', 'refund_policy', 'start_refund']),
        stream_options: { include_usage: true },
        user: story.user,
      },
      { headers: identity(story) },
    );
    const { message } = (await stream.finalChatCompletion()).choices[0]!;
    messages.push(message as ChatMessage);
    if (message.tool_calls === undefined || message.tool_calls.length === 0) return;
    for (const call of message.tool_calls) {
      if (call.type !== 'function') continue;
      const args = JSON.parse(call.function.arguments) as Record<string, unknown>;
      messages.push({ role: 'tool', tool_call_id: call.id, content: runTool(call.function.name, args) });
    }
  }
}

export async function supportBot(url: string): Promise<void> {
  const openai = client(url, 'support-bot');
  await openai.models.list();
  const chat = async (story: Story): Promise<void> => {
    const messages: ChatMessage[] = [
      { role: 'system', content: 'You help customers of a kitchen shop. Be short and kind.' },
    ];
    for (const turn of story.turns) {
      messages.push({ role: 'user', content: turn.prompt });
      await supportTurn(openai, story, messages);
    }
  };
  await Promise.all(SUPPORT.map(chat));
}

/** The SDK's own loop, not streaming. */
async function runTools(openai: OpenAI, model: string, story: Story, tools: readonly string[]): Promise<void> {
  const runner = openai.chat.completions.runTools(
    {
      model,
      messages: [
        { role: 'system', content: 'Use your tools until the work is done.' },
        { role: 'user', content: story.turns[0]!.prompt },
      ],
      tools: tools.map((name) => ({
        type: 'function' as const,
        function: {
          name,
          description: TOOLS[name]!.description,
          parameters: toolSchema(name),
          parse: (text: string) => JSON.parse(text) as Record<string, unknown>,
          function: (args: Record<string, unknown>) => runTool(name, args),
        },
      })),
    },
    { headers: identity(story), maxChatCompletions: 12 },
  );
  await runner.finalContent();
}

export const opsLoop = (url: string): Promise<void> =>
  runTools(client(url, 'ops-loop'), 'gpt-4.1-mini', OPS, ['check_service', 'restart_service']);

async function researchTurn(
  openai: OpenAI,
  story: Story,
  input: OpenAI.Responses.ResponseInput,
  stream: boolean,
): Promise<void> {
  for (;;) {
    const body = {
      model: 'gpt-5',
      instructions: 'You are a careful research assistant. Say where a fact is from.',
      input,
      tools: ['web_search', 'open_page'].map((name) => ({
        type: 'function' as const,
        name,
        description: TOOLS[name]!.description,
        parameters: toolSchema(name),
        strict: false,
      })),
      reasoning: { summary: 'auto' as const },
    };
    const options = { headers: identity(story) };
    const response = stream
      ? await openai.responses.stream(body, options).finalResponse()
      : await openai.responses.create(body, options);
    input.push(...(response.output as OpenAI.Responses.ResponseInputItem[]));
    const calls = response.output.flatMap((item) => (item.type === 'function_call' && 'call_id' in item ? [item] : []));
    if (calls.length === 0) return;
    for (const call of calls) {
      const output = runTool(call.name, JSON.parse(call.arguments) as Record<string, unknown>);
      input.push({ type: 'function_call_output', call_id: call.call_id, output });
    }
  }
}

export async function researchAgent(url: string): Promise<void> {
  const openai = client(url, 'research-agent');
  for (const [at, story] of RESEARCH.entries()) {
    const input: OpenAI.Responses.ResponseInput = [];
    for (const turn of story.turns) {
      input.push({ role: 'user', content: turn.prompt });
      await researchTurn(openai, story, input, at === 0);
    }
  }
}

/** Reads `events` events, then gives up. */
async function abortAfter(openai: OpenAI, prompt: string, session: string, events: number): Promise<void> {
  const stream = await openai.chat.completions.create(
    { model: 'gpt-5-mini', messages: [{ role: 'user', content: prompt }], stream: true },
    { headers: { 'x-session-id': session } },
  );
  let left = events;
  for await (const _chunk of stream) if (--left === 0) break;
}

export async function reportWriter(url: string): Promise<void> {
  const openai = client(url, 'report-writer');
  for (const story of WRITER) await runTools(openai, 'gpt-5-mini', story, ['run_query']);
  await abortAfter(openai, TROUBLE.clientAbort.prompt, 'report-trouble', 9);
  const ask = async (
    prompt: string,
    from: OpenAI,
    stream: boolean,
    extra: OpenAI.RequestOptions = {},
  ): Promise<void> => {
    const options = { headers: { 'x-session-id': 'report-trouble' }, maxRetries: 0, ...extra };
    const messages: ChatMessage[] = [{ role: 'user', content: prompt }];
    if (!stream) await from.chat.completions.create({ model: 'gpt-5-mini', messages }, options);
    else await from.chat.completions.stream({ model: 'gpt-5-mini', messages }, options).finalChatCompletion();
  };
  const trouble = [
    ask(TROUBLE.clientAbortEarly.prompt, openai, false, { timeout: 400 }),
    ask(TROUBLE.upstreamAbort.prompt, openai, true),
    ask(TROUBLE.streamError.prompt, openai, true),
    ask(TROUBLE.refusal.prompt, openai, false),
    ask(TROUBLE.tooLong.prompt, openai, false),
    ask(TROUBLE.wrongKey.prompt, client(url, 'report-writer', PLANTED.openaiWrong), false),
  ];
  await Promise.allSettled(trouble);
}
