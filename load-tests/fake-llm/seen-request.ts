/** What the fake server reads out of a request: enough to choose an answer. */
import type { IncomingHttpHeaders } from 'node:http';
import type { DialectName } from '../dialects/dialect.ts';

export interface SeenRequest {
  readonly dialect: DialectName;
  readonly model: string;
  readonly streaming: boolean;
  /** Chat streams only; other APIs always tell their usage. */
  readonly includeUsage: boolean;
  /** Text of the last message that a user wrote. */
  readonly prompt: string;
  /** Answers of the model since that message: 0 on the first call of a turn. */
  readonly round: number;
  /** Messages before the last prompt: 0 at the beginning of a conversation. */
  readonly history: number;
  readonly bodyBytes: number;
  readonly headers: IncomingHttpHeaders;
  /** For scripts that look deeper. */
  readonly body: Readonly<Record<string, unknown>>;
}

type Json = Readonly<Record<string, unknown>>;

export function dialectOf(path: string): DialectName | null {
  if (path.endsWith('/v1/messages')) return 'anthropic.messages';
  if (path.endsWith('/api/chat')) return 'ollama.chat';
  if (path.endsWith('/v2/chat')) return 'cohere.chat';
  if (/\/model\/[^/]+\/converse(-stream)?$/.test(path)) return 'bedrock.converse';
  if (/\/model\/[^/]+\/invoke(-with-response-stream)?$/.test(path)) return 'anthropic.bedrock';
  if (path.endsWith('/chat/completions')) return 'openai.chat';
  if (path.endsWith('/completions')) return 'openai.completions';
  if (path.endsWith('/responses')) return 'openai.responses';
  if (/:(generate|streamGenerate)Content$/.test(path)) return 'gemini.generate_content';
  return null;
}

function asList(value: unknown): readonly Json[] {
  if (typeof value === 'string') return [{ role: 'user', content: value }];
  return Array.isArray(value) ? (value as Json[]) : [];
}

/** Text that a user wrote in this message; '' for tool results, answers and instructions. */
function userText(message: Json): string {
  if (message.role !== 'user') return '';
  const content = message.content ?? message.parts;
  if (typeof content === 'string') return content;
  return asList(content)
    .map((part) => (typeof part.text === 'string' ? part.text : ''))
    .join('');
}

const isAnswer = (message: Json): boolean =>
  message.role === 'assistant' || message.role === 'model' || message.type === 'function_call';

/** Consecutive answers (a text and its calls, parallel calls) are one round. */
function rounds(messages: readonly Json[]): number {
  return messages.filter((message, at) => isAnswer(message) && (at === 0 || !isAnswer(messages[at - 1]!))).length;
}

export function readRequest(dialect: DialectName, path: string, body: Json, headers: IncomingHttpHeaders): SeenRequest {
  const messages = asList(body.messages ?? body.input ?? body.contents ?? body.prompt);
  const last = messages.findLastIndex((message) => userText(message) !== '');
  const options = body.stream_options as Json | undefined;
  const inPath = /\/models?\/([^:/]+)[:/]/.exec(path)?.[1];
  const byDefault = dialect === 'ollama.chat' && body.stream === undefined;
  return {
    dialect,
    model: String(body.model ?? decodeURIComponent(inPath ?? '')),
    streaming: /:streamGenerateContent|-stream$/.test(path) || body.stream === true || byDefault,
    includeUsage: options?.include_usage === true,
    prompt: last === -1 ? '' : userText(messages[last]!),
    round: rounds(messages.slice(last + 1)),
    history: Math.max(0, last),
    bodyBytes: Number(headers['content-length'] ?? JSON.stringify(body).length),
    headers,
    body,
  };
}
