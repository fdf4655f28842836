/** All dialects. A new one is a folder beside these and a line here; nothing else imports a dialect. */
import type { Side } from '../../../schemas/frame.ts';
import { anthropicMessages } from './anthropic-messages/index.ts';
import { bedrockConverse } from './bedrock-converse/index.ts';
import { bedrockInvoke } from './bedrock-invoke/index.ts';
import { cohereChat } from './cohere-chat/index.ts';
import { cohereChatV1 } from './cohere-chat-v1/index.ts';
import { cohereEmbed } from './cohere-embed/index.ts';
import type { Dialect } from './dialect.ts';
import { geminiEmbedContent } from './gemini-embed-content/index.ts';
import { geminiGenerateContent } from './gemini-generate-content/index.ts';
import { llamacppCompletion } from './llamacpp-completion/index.ts';
import { mistralConversations } from './mistral-conversations/index.ts';
import { ollamaChat } from './ollama-chat/index.ts';
import { ollamaEmbed } from './ollama-embed/index.ts';
import { ollamaGenerate } from './ollama-generate/index.ts';
import { openaiAudio } from './openai-audio/index.ts';
import { openaiChat } from './openai-chat/index.ts';
import { openaiCompletions } from './openai-completions/index.ts';
import { openaiEmbeddings } from './openai-embeddings/index.ts';
import { openaiImages } from './openai-images/index.ts';
import { openaiModerations } from './openai-moderations/index.ts';
import { openaiRealtime } from './openai-realtime/index.ts';
import { openaiResponses } from './openai-responses/index.ts';
import { rerank } from './rerank/index.ts';
import { tgiGenerate } from './tgi-generate/index.ts';
import { unknown } from './unknown/index.ts';

/** Where a path may belong to two of them, the likelier one stands first. */
export const DIALECTS: readonly Dialect[] = [
  anthropicMessages,
  openaiChat,
  openaiResponses,
  openaiRealtime,
  geminiGenerateContent,
  bedrockConverse,
  bedrockInvoke,
  ollamaChat,
  ollamaGenerate,
  cohereChat,
  cohereChatV1,
  mistralConversations,
  openaiCompletions,
  tgiGenerate,
  llamacppCompletion,
  openaiEmbeddings,
  ollamaEmbed,
  cohereEmbed,
  geminiEmbedContent,
  rerank,
  openaiAudio,
  openaiImages,
  openaiModerations,
];

/** For what looks like an LLM call and is none of the others. */
export const UNKNOWN_DIALECT: Dialect = unknown;

/** Those that may have calls at `path` (without query), the likeliest first. */
export function dialectsOfPath(path: string): readonly Dialect[] {
  return DIALECTS.filter((dialect) => dialect.isCallPath(path));
}

/** `path` of an upgrade to WebSocket, without query. */
export function dialectOfSocket(path: string): Dialect | null {
  for (const dialect of DIALECTS) if (dialect.socket?.isPath(path) === true) return dialect;
  return null;
}

/** Of a WebSocket whose path isn't known: the one whose message this must be. */
export function dialectOfMessage(side: Side, message: Buffer): Dialect | null {
  for (const dialect of DIALECTS) if (dialect.socket?.isMessage(side, message) === true) return dialect;
  return null;
}

export function dialectByName(name: string): Dialect | null {
  return DIALECTS.find((dialect) => dialect.name === name) ?? null;
}
