/** A client program on the wire, as its real releases were recorded: how it names itself and its conversations, and what it does to a request. */
import type { ToolDefinition } from '../dialects/dialect.ts';
import type { Line } from './line.ts';
import type { SideKind } from './played.ts';

/** How a subagent is told: as a thread of the same session, as a session of its own that names its parent, or by its content alone. */
export type Children = 'thread' | 'session' | 'content';

/** The dialects that clients of sessions speak. */
export type SessionDialect = 'anthropic.messages' | 'openai.chat' | 'openai.responses' | 'gemini.generate_content';

/** One request that is about to go out. */
export interface Outgoing {
  readonly line: Line;
  readonly kind: 'main' | 'subagent' | SideKind;
  /** Attempts of the same request before it. */
  readonly attempt: number;
}

export type Headers = readonly (readonly [string, string])[];
/** A request's body before it is written out. */
export type Body = Record<string, unknown>;

export interface WireClient {
  /** What an observer names the agent when no header does; '' = nothing tells it. */
  readonly agentId: string;
  /** What an observer takes the program for. */
  readonly clientName: string;
  /** User as its requests tell; absent: they don't. */
  readonly userId?: string;
  readonly dialect: SessionDialect;
  readonly userAgent: string;
  readonly system: string;
  readonly model: string;
  readonly servedModel: string;
  readonly streaming: boolean;
  readonly sessionSource: 'header' | 'body' | 'client_profile' | 'content';
  readonly children: Children;
  readonly tools: readonly ToolDefinition[];
  /** A connection for each request. */
  readonly newConnections?: boolean;
  /** Path of the bodiless HEAD that opens its connections. */
  readonly probes?: string;
  /** Tool that starts a subagent, and the member of its arguments that carries the task. */
  readonly spawn?: { readonly tool: string; readonly task: string };
  /** The session's id as its requests tell it; '' = they don't. */
  sessionId(line: Line): string;
  headers(outgoing: Outgoing): Headers;
  /** The body in the client's own shape. */
  dress(body: Body, outgoing: Outgoing): Body;
  /** Id of a tool call in later requests. */
  echoedId?(id: string, name: string, line: Line): string;
  /** What a shell's output becomes as the tool's result. */
  wraps?(result: string, failed: boolean, line: Line): string;
  /** What a subagent's answer becomes as the tool's result. */
  report?(answer: string, child: Line): string;
}

/** What plain SDKs do: nothing. */
export const PLAIN = {
  children: 'content',
  sessionId: () => '',
  headers: () => [],
  dress: (body: Body) => body,
} as const;

const text = (name: string, description: string, ...parameters: readonly string[]): ToolDefinition => ({
  name,
  description,
  parameters,
});

export const COMMON_TOOLS: readonly ToolDefinition[] = [
  text('read_file', 'Reads a file.', 'path'),
  text('edit_file', 'Changes a file.', 'path', 'text'),
  text('search', 'Searches.', 'query', 'page'),
  text('bash', 'Runs a command.', 'command'),
];
