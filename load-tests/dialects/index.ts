/** All dialects by name, and how each writes the events of a stream. */
import { anthropicBedrock } from './anthropic-bedrock.ts';
import { anthropicMessages } from './anthropic-messages.ts';
import { anthropicVertex } from './anthropic-vertex.ts';
import { awsFrame } from './aws-frame.ts';
import { bedrockConverse } from './bedrock-converse.ts';
import { cohereChat } from './cohere-chat.ts';
import type { Dialect, DialectName } from './dialect.ts';
import { geminiCodeAssist } from './gemini-code-assist.ts';
import { geminiGenerateContent } from './gemini-generate-content.ts';
import { ollamaChat } from './ollama-chat.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiCompletions } from './openai-completions.ts';
import { openaiResponses } from './openai-responses.ts';

export const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  'anthropic.messages': anthropicMessages,
  'openai.chat': openaiChat,
  'openai.responses': openaiResponses,
  'gemini.generate_content': geminiGenerateContent,
  'anthropic.bedrock': anthropicBedrock,
  'anthropic.vertex': anthropicVertex,
  'gemini.code_assist': geminiCodeAssist,
  'bedrock.converse': bedrockConverse,
  'cohere.chat': cohereChat,
  'ollama.chat': ollamaChat,
  'openai.completions': openaiCompletions,
};

/** One SSE event as servers write it; `lineEnd` is what this server ends lines with. */
export function sse(event: { readonly name: string; readonly data: string }, lineEnd = '\n'): string {
  const name = event.name === '' ? '' : `event: ${event.name}${lineEnd}`;
  return `${name}data: ${event.data}${lineEnd}${lineEnd}`;
}

const CONTENT_TYPES: Readonly<Record<Dialect['framing'], string>> = {
  sse: 'text/event-stream; charset=utf-8',
  lines: 'application/x-ndjson',
  aws: 'application/vnd.amazon.eventstream',
};

export const streamType = ({ framing }: Dialect): string => CONTENT_TYPES[framing];

/** One event as a server of this API writes it. */
export function written({ framing }: Dialect, event: { readonly name: string; readonly data: string }): Buffer {
  switch (framing) {
    case 'sse':
      return Buffer.from(sse(event));
    case 'lines':
      return Buffer.from(`${event.data}\n`);
    case 'aws':
      return awsFrame(event.name, event.data);
  }
}
