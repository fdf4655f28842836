/** All dialects. A new one is a folder beside these and a line here; nothing else imports a dialect. */
import { anthropicMessages } from './anthropic-messages/index.ts';
import type { Dialect } from './dialect.ts';
import { geminiGenerateContent } from './gemini-generate-content/index.ts';
import { openaiChat } from './openai-chat/index.ts';
import { openaiRealtime } from './openai-realtime/index.ts';
import { openaiResponses } from './openai-responses/index.ts';
import { unknown } from './unknown/index.ts';

export const DIALECTS: readonly Dialect[] = [
  anthropicMessages,
  openaiChat,
  openaiResponses,
  openaiRealtime,
  geminiGenerateContent,
];

/** For what looks like an LLM call and is none of the others. */
export const UNKNOWN_DIALECT: Dialect = unknown;

/** `path` without query. */
export function dialectOfPath(path: string): Dialect | null {
  for (const dialect of DIALECTS) if (dialect.isCallPath(path)) return dialect;
  return null;
}

/** `path` of an upgrade to WebSocket, without query. */
export function dialectOfSocket(path: string): Dialect | null {
  for (const dialect of DIALECTS) if (dialect.socket?.isPath(path) === true) return dialect;
  return null;
}

export function dialectByName(name: string): Dialect | null {
  return DIALECTS.find((dialect) => dialect.name === name) ?? null;
}
