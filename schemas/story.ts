/**
 * What calls tell of the story that they belong to, and what the tracker makes of it: sessions, turns, tool calls, findings.
 *
 * The facts of `CallStory` are read from one call alone, so that a replay, another order or another process gives the same. What
 * takes several calls (a subagent's parent, a side call's turn, a chain of responses) is the tracker's, which corrects the rows.
 */
import type { CallId, Micros } from '../services/common/types.ts';
import type { IdentitySource } from './call.ts';

/**
 * What a call is for. `main`: a step of the conversation. `subagent`: a step of an agent that another one started. The others
 * are side calls, which cost but tell nothing of the story: `title` names the conversation, `router` chooses a model, `compaction`
 * sums the history up, `prewarm` fills a cache, `auxiliary` is any other. '' = an API without conversations (embeddings …).
 */
export type CallKind = '' | 'main' | 'subagent' | 'title' | 'router' | 'compaction' | 'prewarm' | 'auxiliary';

/** Facts of one call about its place in a conversation. Hashes are 32 hex digits; '' = none or not known. */
export interface CallStory {
  callKind: CallKind;
  /** One line of conversation within the session: the main loop, a subagent. */
  threadId: string;
  /** Session and thread that started this one, as the client tells. */
  parentSessionId: string;
  parentThreadId: string;
  /** Genuine user messages in the request. */
  userMessageCount: number;
  /** Of the last genuine user text, and of the first one: the latter is what a parent's tool call asked a subagent to do. */
  promptHash: string;
  threadPromptHash: string;
  /** Of the first text in the user's name that is more than a reminder, whoever wrote it: a summary that a compaction wrote equals its answer. */
  openingHash: string;
  /** Equal for attempts of one request: what it says, not its bytes. */
  stepId: string;
  /** Of the answer's text without case, digits and space: near-identical answers have the same. */
  answerHash: string;
  /** Of the answer's text without space, as `openingHash` of a later call has it that carries this answer as a summary. */
  answerTextHash: string;
  /** Of each requested tool call's arguments as canonical JSON. Parallel to `toolNames`. */
  toolArgumentHashes: string[];
  /** Of the text that a requested tool call hands to a subagent; '' for others. Parallel to `toolNames`. */
  toolPromptHashes: string[];
  /** Results that this request brings (those behind the last answer in it): parallel arrays. */
  toolResultIds: string[];
  toolResultNames: string[];
  /** Of the result's text without what differs at every run (process ids, wall times). */
  toolResultHashes: string[];
  toolResultErrors: boolean[];
  /** Id of the subagent that the result names. */
  toolResultAgents: string[];
  /** Beginning of the result's text. */
  toolResultPreviews: string[];
  /** Which attempt the SDK says this is: 0 = the first. */
  retryCount: number;
  /** Request id of the next hop, as a gateway's answer tells. */
  upstreamRequestId: string;
}

/** How a turn stands. `open`: the model waits for tools, or a call is under way. */
export type TurnOutcome = 'open' | 'answered' | 'length' | 'refused' | 'error' | 'aborted';

/** From a genuine user message to the final answer. */
export interface Turn {
  readonly turnId: string;
  readonly sessionId: string;
  readonly threadId: string;
  readonly agentId: string;
  readonly userId: string;
  readonly teamId: string;
  readonly clientName: string;
  /** 1, 2, 3 … within the thread, by time. */
  readonly ordinal: number;
  readonly started: Micros;
  readonly ended: Micros;
  readonly outcome: TurnOutcome;
  /** Steps of the conversation itself; attempts of one step count once. */
  readonly calls: number;
  readonly retries: number;
  readonly sideCalls: number;
  readonly subagentCalls: number;
  /** Threads of subagents. */
  readonly subagents: number;
  readonly compactions: number;
  readonly toolCalls: number;
  readonly toolErrors: number;
  /** Of all its calls, side calls and subagents included. */
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number;
  /** False: the price of a call isn't known, so the cost is a lower bound. */
  readonly costComplete: boolean;
  readonly models: readonly string[];
  readonly promptPreview: string;
  readonly answerPreview: string;
}

export interface Session {
  readonly sessionId: string;
  readonly sessionSource: IdentitySource;
  readonly parentSessionId: string;
  readonly agentId: string;
  readonly identitySource: IdentitySource;
  readonly userId: string;
  readonly teamId: string;
  readonly clientName: string;
  readonly credential: string;
  readonly started: Micros;
  readonly ended: Micros;
  readonly turns: number;
  readonly calls: number;
  readonly retries: number;
  readonly sideCalls: number;
  readonly subagentCalls: number;
  readonly subagents: number;
  readonly compactions: number;
  readonly toolCalls: number;
  readonly toolErrors: number;
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly outputTokens: number;
  readonly costUsd: number;
  readonly costComplete: boolean;
  readonly models: readonly string[];
  readonly firstPrompt: string;
  readonly lastAnswer: string;
  readonly outcome: TurnOutcome;
  /** True: calls of one thread overlap, so several agents that nothing tells apart may be in it. */
  readonly ambiguous: boolean;
}

/** A model's request to run a tool, with its result once a later request has shown it. */
export interface ToolCall {
  readonly toolCallId: string;
  /** The call whose answer asked for it, and its place there (0, 1 …): the key. */
  readonly callId: CallId;
  readonly position: number;
  readonly sessionId: string;
  readonly threadId: string;
  readonly turnId: string;
  readonly agentId: string;
  readonly teamId: string;
  readonly toolName: string;
  /** Of the tool's name, where it tells; '' else. */
  readonly mcpServer: string;
  readonly arguments: string;
  readonly argumentsHash: string;
  readonly requested: Micros;
  /** First byte of the request that showed the result; null = not seen yet. */
  readonly resultSeen: Micros | null;
  readonly resultCallId: string;
  readonly resultHash: string;
  readonly resultPreview: string;
  /** Null = no result yet. */
  readonly isError: boolean | null;
  readonly durationMs: number | null;
  /** Run by the API itself. */
  readonly serverSide: boolean;
  /** The thread and session that it started. */
  readonly subagentThreadId: string;
  readonly subagentSessionId: string;
}

export type FindingKind =
  | 'exact_repeat'
  | 'cycle'
  | 'retry_storm'
  | 'stuck_poll'
  | 'repeated_answer'
  | 'compaction_loop'
  | 'context_growth'
  | 'burn_rate'
  | 'subagent_fanout'
  | 'rule';

export type FindingLevel = 'note' | 'alert' | 'critical';

/** What a detector saw. One a session and fingerprint, updated as it goes on and resolved when it ends. */
export interface Finding {
  /** Hash of session and fingerprint. */
  readonly findingId: string;
  readonly kind: FindingKind;
  /** Name of the rule in SQL, for kind `rule`; else the kind. */
  readonly rule: string;
  readonly level: FindingLevel;
  readonly state: 'open' | 'resolved';
  readonly fingerprint: string;
  readonly sessionId: string;
  readonly threadId: string;
  readonly turnId: string;
  readonly agentId: string;
  readonly userId: string;
  readonly teamId: string;
  readonly toolName: string;
  /** One sentence for people, without content of the traffic. */
  readonly summary: string;
  readonly occurrences: number;
  readonly firstSeen: Micros;
  readonly lastSeen: Micros;
  /** Null while open. */
  readonly resolvedAt: Micros | null;
  readonly wastedCalls: number;
  readonly wastedTokens: number;
  readonly wastedCostUsd: number;
  /** Evidence, in order of time; the first and the last ones when there are many. */
  readonly callIds: readonly string[];
  /** What a rule's row says, or the detector measured. */
  readonly labels: Readonly<Record<string, string>>;
}

/** What happened, for whoever must be told: alerts, your own consumers. Key: session id. */
export type StoryEvent =
  | { readonly type: 'turn'; readonly version: number; readonly turn: Turn }
  | { readonly type: 'finding'; readonly version: number; readonly finding: Finding };
