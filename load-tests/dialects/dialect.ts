/**
 * What the fake server and the traffic generator say in each LLM API: one plan of a conversation or a reply, written out
 * in the words of each API. Written from the APIs' references, apart from the code that reads them.
 */

/** Other carriers of a dialect's bodies (`anthropic.bedrock`, `anthropic.vertex`, `gemini.code_assist`) have names of their own here. */
export type DialectName =
  | 'anthropic.messages'
  | 'anthropic.bedrock'
  | 'anthropic.vertex'
  | 'bedrock.converse'
  | 'cohere.chat'
  | 'gemini.code_assist'
  | 'gemini.generate_content'
  | 'ollama.chat'
  | 'openai.chat'
  | 'openai.completions'
  | 'openai.responses';

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON text. */
  readonly arguments: string;
  /** Responses API only: the group of tools that it belongs to. */
  readonly namespace?: string;
}

export type Turn =
  | { readonly role: 'user'; readonly text: string }
  | { readonly role: 'assistant'; readonly text: string; readonly toolCalls: readonly ToolCall[] }
  | {
      readonly role: 'tool';
      readonly callId: string;
      readonly name: string;
      readonly result: string;
      /** The tool failed; only some APIs have a word for it. */
      readonly failed?: boolean;
    };

export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  /** Names of its string parameters. */
  readonly parameters: readonly string[];
}

export interface Ask {
  readonly model: string;
  readonly system: string;
  readonly turns: readonly Turn[];
  readonly tools: readonly ToolDefinition[];
  readonly streaming: boolean;
  /** OpenAI chat streams tell their usage only when asked to. */
  readonly includeUsage: boolean;
  readonly maxTokens: number;
  /** Answers to one question; only chat has that. 1 when left out. */
  readonly choices?: number;
  /** Gemini: a stream as one JSON list instead of SSE. */
  readonly jsonList?: boolean;
  /** Goes into the body where the API has a field for it; '' = not sent. */
  readonly user: string;
}

export type Finish = 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'refusal';

export interface Usage {
  /** Total, cached included. */
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  /** Reasoning included. */
  readonly output: number;
  readonly reasoning: number;
}

export interface Reply {
  readonly id: string;
  readonly model: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly reasoning: string;
  readonly text: string;
  /** Texts of the second and further choices. */
  readonly otherTexts?: readonly string[];
  readonly toolCalls: readonly ToolCall[];
  readonly finish: Finish;
  readonly usage: Usage;
  /** False: a chat stream leaves its usage out. */
  readonly tellUsage: boolean;
  /** True: arguments of parallel tool calls come in turns, told apart by index only. */
  readonly interleaved: boolean;
}

/** Cuts a text into the pieces in which a stream brings it. */
export type Cutter = (text: string) => readonly string[];

export interface StreamEvent {
  /** Name of the `event:` field; '' = none. */
  readonly name: string;
  readonly data: string;
  /** Carries text, reasoning or tool arguments. */
  readonly token: boolean;
  /** The API's own end. */
  readonly end: boolean;
}

export type Failure = 'bad_request' | 'unauthorized' | 'rate_limited' | 'server_error' | 'overloaded';

export interface FailureReply {
  readonly status: number;
  readonly errorType: string;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What answers of an API have a place for. */
export interface Tells {
  readonly model: boolean;
  readonly id: boolean;
  readonly toolIds: boolean;
  readonly cacheRead: boolean;
  readonly cacheWrite: boolean;
  readonly reasoning: boolean;
}

export const TELLS: Tells = {
  model: true,
  id: true,
  toolIds: true,
  cacheRead: true,
  cacheWrite: false,
  reasoning: true,
};

export interface Dialect {
  readonly name: DialectName;
  /** The dialect that its calls have; left out: its name. */
  readonly storedAs?: string;
  /** How the events of a stream stand in the body; `aws`: Amazon's binary event stream. */
  readonly framing: 'sse' | 'lines' | 'aws';
  readonly tells: Tells;
  /** False: it offers no tools, and never says that it refuses. Left out: true. */
  readonly hasTools?: boolean;
  readonly canRefuse?: boolean;
  /** Whether the path or the body's beginning tells that an answer is to be a stream. */
  readonly tellsStreamEarly?: boolean;
  /** Beginnings of the ids of answers and of tool calls. */
  readonly idPrefixes: readonly [reply: string, tool: string];
  /** Finishes that this API has no word of its own for, and the one that it has instead. */
  readonly toldAs: Readonly<Partial<Record<Finish, Finish>>>;
  /** Path and query. `key` is what the query carries if the API takes credentials there. */
  target(ask: Ask, key: string): string;
  /** Header that carries the credential, and the other ones that the API wants. */
  headers(key: string): readonly (readonly [string, string])[];
  request(ask: Ask): unknown;
  json(reply: Reply): unknown;
  events(reply: Reply, cut: Cutter): readonly StreamEvent[];
  failure(kind: Failure, message: string): FailureReply;
  /** An error inside a stream that began with 200. */
  streamFailure(message: string): { readonly errorType: string; readonly event: StreamEvent };
}

export function event(name: string, data: unknown, flags: { token?: boolean; end?: boolean } = {}): StreamEvent {
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return { name, data: text, token: flags.token ?? false, end: flags.end ?? false };
}

/** Pieces of several texts with the index of their text: one text after another, or in turns. */
export function weave(texts: readonly (readonly string[])[], interleaved: boolean): { index: number; piece: string }[] {
  const pieces: { index: number; piece: string }[] = [];
  if (!interleaved) {
    texts.forEach((text, index) => {
      for (const piece of text) pieces.push({ index, piece });
    });
    return pieces;
  }
  const longest = Math.max(0, ...texts.map((text) => text.length));
  for (let at = 0; at < longest; at++) {
    texts.forEach((text, index) => {
      const piece = text[at];
      if (piece !== undefined) pieces.push({ index, piece });
    });
  }
  return pieces;
}

export function toolSchema(tool: ToolDefinition): Record<string, unknown> {
  const properties = Object.fromEntries(tool.parameters.map((name) => [name, { type: 'string' }]));
  return { type: 'object', properties, required: tool.parameters };
}
