/** The tables that hold what the tracker makes of the calls. Each row has the version of its evaluation: the newest counts. */
import type { Finding, Session, ToolCall, Turn } from '../../schemas/story.ts';
import { type Column, columnsOf, type Table } from './tables.ts';

/** `version`: when it was evaluated, µs by the server's clock. */
export type Versioned<T> = T & { readonly version: number };

const snake = (key: string): string => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

type Kinds<T> = Readonly<Record<Exclude<keyof T & string, 'version'>, Column<T>['kind']>>;

function columnsFor<T>(kinds: Kinds<T>): Column<T>[] {
  const column = columnsOf<T>();
  const named = Object.entries(kinds) as [keyof T & string, Column<T>['kind']][];
  return [
    ...named.map(([key, kind]) => column(snake(key), kind, key)),
    column('version', 'u64', 'version' as keyof T & string),
  ];
}

const SUMS = {
  toolCalls: 'u32',
  toolErrors: 'u32',
  inputTokens: 'u64',
  cacheReadTokens: 'u64',
  outputTokens: 'u64',
  costUsd: 'f64',
  costComplete: 'bool',
  models: 'texts',
} as const;

export const SESSION_ROWS: Table<Versioned<Session>> = {
  name: 'session_rows',
  idColumn: 'session_id',
  timeColumn: null,
  versioned: true,
  id: (row) => row.sessionId,
  time: (row) => row.started,
  columns: columnsFor<Versioned<Session>>({
    sessionId: 'text',
    sessionSource: 'text',
    parentSessionId: 'text',
    agentId: 'text',
    identitySource: 'text',
    userId: 'text',
    teamId: 'text',
    clientName: 'text',
    credential: 'text',
    started: 'time',
    ended: 'time',
    turns: 'u32',
    calls: 'u32',
    retries: 'u32',
    sideCalls: 'u32',
    subagentCalls: 'u32',
    subagents: 'u32',
    compactions: 'u32',
    ...SUMS,
    firstPrompt: 'text',
    lastAnswer: 'text',
    outcome: 'text',
    ambiguous: 'bool',
  }),
};

export const TURN_ROWS: Table<Versioned<Turn>> = {
  name: 'turn_rows',
  idColumn: 'turn_id',
  timeColumn: null,
  versioned: true,
  id: (row) => row.turnId,
  time: (row) => row.started,
  columns: columnsFor<Versioned<Turn>>({
    turnId: 'text',
    sessionId: 'text',
    threadId: 'text',
    agentId: 'text',
    userId: 'text',
    teamId: 'text',
    clientName: 'text',
    ordinal: 'u32',
    started: 'time',
    ended: 'time',
    outcome: 'text',
    calls: 'u32',
    retries: 'u32',
    sideCalls: 'u32',
    subagentCalls: 'u32',
    subagents: 'u32',
    compactions: 'u32',
    ...SUMS,
    promptPreview: 'text',
    answerPreview: 'text',
  }),
};

export const TOOL_CALL_ROWS: Table<Versioned<ToolCall>> = {
  name: 'tool_call_rows',
  idColumn: 'tool_call_id',
  timeColumn: null,
  versioned: true,
  id: (row) => `${row.callId}:${row.position}`,
  time: (row) => row.requested,
  columns: columnsFor<Versioned<ToolCall>>({
    toolCallId: 'text',
    callId: 'text',
    position: 'u32',
    sessionId: 'text',
    threadId: 'text',
    turnId: 'text',
    agentId: 'text',
    teamId: 'text',
    toolName: 'text',
    mcpServer: 'text',
    arguments: 'text',
    argumentsHash: 'text',
    requested: 'time',
    resultSeen: 'time?',
    resultCallId: 'text',
    resultHash: 'text',
    resultPreview: 'text',
    isError: 'bool?',
    durationMs: 'f64?',
    serverSide: 'bool',
    subagentThreadId: 'text',
    subagentSessionId: 'text',
  }),
};

export const FINDING_ROWS: Table<Versioned<Finding>> = {
  name: 'finding_rows',
  idColumn: 'finding_id',
  timeColumn: null,
  versioned: true,
  id: (row) => row.findingId,
  time: (row) => row.lastSeen,
  columns: columnsFor<Versioned<Finding>>({
    findingId: 'text',
    kind: 'text',
    rule: 'text',
    level: 'text',
    state: 'text',
    fingerprint: 'text',
    sessionId: 'text',
    threadId: 'text',
    turnId: 'text',
    agentId: 'text',
    userId: 'text',
    teamId: 'text',
    toolName: 'text',
    summary: 'text',
    occurrences: 'u32',
    firstSeen: 'time',
    lastSeen: 'time',
    resolvedAt: 'time?',
    wastedCalls: 'u32',
    wastedTokens: 'u64',
    wastedCostUsd: 'f64',
    callIds: 'texts',
    labels: 'labels',
  }),
};
