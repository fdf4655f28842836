import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { type FakeLlm, startFakeLlm } from './server.ts';

let server: FakeLlm;
let openai: OpenAI;
let anthropic: Anthropic;
let gemini: GoogleGenAI;

before(async () => {
  server = await startFakeLlm();
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'made-up' });
  anthropic = new Anthropic({ baseURL: server.url, apiKey: 'made-up' });
  gemini = new GoogleGenAI({ apiKey: 'made-up', httpOptions: { baseUrl: server.url } });
});

after(() => server.close());

const lastServed = () => server.served.at(-1)!;

test('the openai package reads a chat stream with parallel tool calls and usage', async () => {
  const stream = openai.chat.completions.stream({
    model: 'fake-parallel',
    messages: [{ role: 'user', content: 'Weather and time?' }],
    stream_options: { include_usage: true },
  });
  const completion = await stream.finalChatCompletion();
  const { reply } = lastServed();
  assert.equal(completion.id, reply?.id);
  assert.equal(completion.usage?.prompt_tokens, reply?.usage.input);
  assert.equal(completion.choices[0]?.finish_reason, 'tool_calls');
  assert.deepEqual(
    completion.choices[0]?.message.tool_calls?.map((call) => call.id),
    reply?.toolCalls.map((call) => call.id),
  );
});

test('a chat stream tells its usage only when asked to', async () => {
  const stream = await openai.chat.completions.create({
    model: 'fake-plain',
    messages: [{ role: 'user', content: 'Hello' }],
    stream: true,
  });
  for await (const chunk of stream) assert.equal(chunk.usage, undefined);
  assert.equal(lastServed().reply?.tellUsage, false);
});

test('the openai package reads responses with reasoning, streamed and whole', async () => {
  const body = { model: 'fake-reasoning', input: 'Two and two?' };
  const whole = await openai.responses.create(body);
  assert.equal(whole.output_text, 'Four.');
  const streamed = await openai.responses.stream(body).finalResponse();
  assert.equal(streamed.output_text, 'Four.');
  assert.equal(streamed.usage?.output_tokens_details.reasoning_tokens, lastServed().reply?.usage.reasoning);
});

test('the anthropic package reads a gzip stream and its usage', async () => {
  const message = await anthropic.messages
    .stream({ model: 'fake-gzip', max_tokens: 100, messages: [{ role: 'user', content: 'Pack it' }] })
    .finalMessage();
  const { reply, responseBytes, responseBody } = lastServed();
  assert.deepEqual(
    message.content.map((block) => (block.type === 'text' ? block.text : '')),
    [reply?.text],
  );
  assert.equal(message.usage.output_tokens, reply?.usage.output);
  assert.ok(responseBytes < Buffer.byteLength(responseBody) / 2);
});

test('the anthropic package retries an overloaded server', async () => {
  const before = server.served.length;
  await anthropic.messages.create({
    model: 'fake-flaky',
    max_tokens: 100,
    messages: [{ role: 'user', content: 'Again' }],
  });
  assert.deepEqual(
    server.served.slice(before).map((served) => served.status),
    [529, 200],
  );
});

test('an error in a stream reaches the caller of each package', async () => {
  const messages = [{ role: 'user' as const, content: 'Break' }];
  await assert.rejects(
    anthropic.messages.stream({ model: 'fake-stream-error', max_tokens: 9, messages }).finalMessage(),
  );
  await assert.rejects(openai.chat.completions.stream({ model: 'fake-stream-error', messages }).finalChatCompletion());
  assert.equal(lastServed().errorType, 'server_error');
});

test('each status reaches the caller with its error type', async () => {
  const ask = (model: string) =>
    anthropic.messages.create({ model, max_tokens: 9, messages: [{ role: 'user', content: 'x' }] }, { maxRetries: 0 });
  for (const [model, status] of [
    ['fake-400', 400],
    ['fake-401', 401],
    ['fake-429', 429],
    ['fake-500', 500],
  ] as const) {
    await assert.rejects(
      ask(model),
      (error: unknown) => error instanceof Anthropic.APIError && error.status === status,
    );
  }
});

test('the genai package reads a function call, streamed and whole', async () => {
  const request = { model: 'fake-tool', contents: 'Weather in Oslo?' };
  const whole = await gemini.models.generateContent(request);
  assert.equal(whole.functionCalls?.[0]?.name, 'lookup');
  const names: (string | undefined)[] = [];
  for await (const chunk of await gemini.models.generateContentStream(request)) {
    names.push(...(chunk.functionCalls ?? []).map((call) => call.name));
  }
  assert.deepEqual(names, ['lookup']);
  assert.equal(whole.usageMetadata?.promptTokenCount, server.served.at(-2)?.reply?.usage.input);
});

test('a stream that the server leaves, one that the client leaves and one that hangs are told apart', async () => {
  const messages = [{ role: 'user' as const, content: 'Leave' }];
  await assert.rejects(openai.chat.completions.stream({ model: 'fake-abort', messages }).finalChatCompletion());
  assert.equal(lastServed().end, 'upstream_abort');
  const stream = await openai.chat.completions.create({ model: 'fake-slow', messages, stream: true });
  for await (const _chunk of stream) break;
  const slow = lastServed();
  await assert.rejects(
    openai.chat.completions.create({ model: 'fake-hang', messages }, { timeout: 100, maxRetries: 0 }),
  );
  assert.equal(slow.end, 'client_abort');
  assert.equal(lastServed().status, 0);
});
