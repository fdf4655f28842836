/** All dialects by name. */
import { anthropicMessages } from './anthropic-messages.ts';
import type { Dialect, DialectName } from './dialect.ts';
import { geminiGenerateContent } from './gemini-generate-content.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

export const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  'anthropic.messages': anthropicMessages,
  'openai.chat': openaiChat,
  'openai.responses': openaiResponses,
  'gemini.generate_content': geminiGenerateContent,
};

/** One SSE event as servers write it; `lineEnd` is what this server ends lines with. */
export function sse(event: { readonly name: string; readonly data: string }, lineEnd = '\n'): string {
  const name = event.name === '' ? '' : `event: ${event.name}${lineEnd}`;
  return `${name}data: ${event.data}${lineEnd}${lineEnd}`;
}
