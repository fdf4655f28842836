/** All dialects. A new one is a folder beside these and a line here; nothing else imports a dialect. */
import { anthropicMessages } from './anthropic-messages/index.ts';
import { bedrockConverse } from './bedrock-converse/index.ts';
import { bedrockInvoke } from './bedrock-invoke/index.ts';
import type { Dialect } from './dialect.ts';
import { geminiGenerateContent } from './gemini-generate-content/index.ts';
import { ollamaChat } from './ollama-chat/index.ts';
import { ollamaGenerate } from './ollama-generate/index.ts';
import { openaiChat } from './openai-chat/index.ts';
import { openaiResponses } from './openai-responses/index.ts';
import { unknown } from './unknown/index.ts';

/** Where a path may belong to two of them, the likelier one stands first. */
export const DIALECTS: readonly Dialect[] = [
  anthropicMessages,
  openaiChat,
  openaiResponses,
  geminiGenerateContent,
  bedrockConverse,
  bedrockInvoke,
  ollamaChat,
  ollamaGenerate,
];

/** For what looks like an LLM call and is none of the others. */
export const UNKNOWN_DIALECT: Dialect = unknown;

/** Those that may have calls at `path` (without query), the likeliest first. */
export function dialectsOfPath(path: string): readonly Dialect[] {
  return DIALECTS.filter((dialect) => dialect.isCallPath(path));
}
