/** Gemini as Code Assist has it: request and answers are wrapped, the model is in the body. */
import type { Ask, Cutter, Dialect, Reply, StreamEvent } from './dialect.ts';
import { geminiGenerateContent } from './gemini-generate-content.ts';

const wrapped = (response: unknown): unknown => ({ response, traceId: '7f2a' });

function request(ask: Ask): unknown {
  return { model: ask.model, project: 'p-1', user_prompt_id: 'u-1', request: geminiGenerateContent.request(ask) };
}

function events(reply: Reply, cut: Cutter): StreamEvent[] {
  return geminiGenerateContent
    .events(reply, cut)
    .map((each) => ({ ...each, data: JSON.stringify(wrapped(JSON.parse(each.data))) }));
}

export const geminiCodeAssist: Dialect = {
  ...geminiGenerateContent,
  name: 'gemini.code_assist',
  storedAs: 'gemini.generate_content',
  target: ({ streaming }) => `/v1internal:${streaming ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
  headers: (key) => [['authorization', `Bearer ${key}`]],
  request,
  json: (reply) => wrapped(geminiGenerateContent.json(reply)),
  events,
};
