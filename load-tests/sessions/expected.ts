/** The manifest of played sessions: the rows of `sessions`, `turns` and `tool_calls` that a perfect observer writes. Made of what was played. */
import type { Line } from './line.ts';
import type { PlayedCall, PlayedTool, PlayedTurn } from './played.ts';
import type { PlayedSession, Stage } from './stage.ts';
import type { Seen } from './wire.ts';

export type Value = string | number | boolean | null | readonly string[];
/** Columns that are stated; one that isn't there is not compared. Ids of calls, turns and threads are those of the play. */
export type Columns = Readonly<Record<string, Value>>;

export interface ExpectedSession {
  readonly session: PlayedSession;
  readonly columns: Columns;
}

export interface ExpectedTurn {
  readonly turn: PlayedTurn;
  readonly columns: Columns;
}

export interface ExpectedTool {
  readonly tool: PlayedTool;
  readonly columns: Columns;
}

export interface SessionsManifest {
  readonly sessions: readonly ExpectedSession[];
  readonly turns: readonly ExpectedTurn[];
  readonly tools: readonly ExpectedTool[];
  readonly calls: readonly PlayedCall[];
  readonly seen: ReadonlyMap<number, Seen>;
}

const PREVIEW = 300;

const isStep = ({ kind }: PlayedCall): boolean => kind === 'main' || kind === 'subagent';
const sum = (calls: readonly PlayedCall[], of: (call: PlayedCall) => number): number =>
  calls.reduce((total, call) => total + of(call), 0);

class Reading {
  readonly #seen: ReadonlyMap<number, Seen>;

  constructor(seen: ReadonlyMap<number, Seen>) {
    this.#seen = seen;
  }

  start(call: PlayedCall): number {
    return this.#seen.get(call.index)!.start;
  }

  end(call: PlayedCall): number {
    return this.#seen.get(call.index)!.end;
  }

  tokens(calls: readonly PlayedCall[]) {
    return {
      input_tokens: sum(calls, ({ tokens }) => tokens.input),
      cache_read_tokens: sum(calls, ({ tokens }) => tokens.cacheRead),
      output_tokens: calls.some(({ tokens }) => tokens.output === null)
        ? null
        : sum(calls, ({ tokens }) => tokens.output ?? 0),
      models: [...new Set(calls.map(({ model }) => model))].sort(),
    };
  }

  turn(turn: PlayedTurn): ExpectedTurn {
    const { steps, sides, children, line } = turn;
    const all = [...steps, ...sides, ...children];
    const tools = [...steps, ...children].flatMap((call) => call.tools);
    const answer = steps.findLast((call) => call.answer !== '' || call.brokenOff);
    const columns = {
      session_id: line.session.id || null,
      ordinal: turn.ordinal,
      started: Math.min(...steps.map((call) => this.start(call))),
      ended: Math.max(...[...steps, ...children].map((call) => this.end(call))),
      outcome: steps.at(-1)!.outcome,
      calls: steps.filter((call) => !call.isRetry).length,
      retries: steps.filter((call) => call.isRetry).length,
      side_calls: sides.length,
      subagent_calls: children.length,
      subagents: new Set(children.map((call) => call.line)).size,
      compactions: sides.filter(({ kind }) => kind === 'compaction').length,
      ...toolCounts(tools),
      ...this.tokens(all),
      ...who(line.session),
      prompt_preview: turn.prompt.slice(0, PREVIEW),
      ...(answer?.brokenOff === true ? {} : { answer_preview: (answer?.answer ?? '').slice(0, PREVIEW) }),
    };
    return { turn, columns: stated(columns) };
  }

  session(session: PlayedSession, all: readonly PlayedCall[]): ExpectedSession {
    if (session.twins !== '') return { session, columns: { ambiguous: true } };
    const calls = all.filter(({ line }) => line.session === session).sort((a, b) => this.start(a) - this.start(b));
    const mains = session.lines.filter(({ parent }) => parent === null);
    const own = calls.filter(({ kind }) => kind === 'main');
    const sides = calls.filter((call) => !isStep(call));
    const children = calls.filter(({ kind }) => kind === 'subagent');
    const told = own.length > 0 ? own : children;
    const answer = told.findLast((call) => call.answer !== '' || call.brokenOff);
    const [first] = session.lines[0]!.prompts;
    const columns = {
      session_id: session.id || null,
      session_source: sourceOf(session),
      parent_session_id: session.parent?.id ?? '',
      ...who(session),
      started: Math.min(...calls.map((call) => this.start(call))),
      ended: Math.max(...calls.map((call) => this.end(call))),
      turns: mains.reduce((count, { turns }) => count + turns.length, 0),
      calls: own.filter(({ isRetry }) => !isRetry).length,
      retries: own.filter(({ isRetry }) => isRetry).length,
      side_calls: sides.length,
      subagent_calls: children.length,
      subagents: session.lines.length - mains.length,
      compactions: sides.filter(({ kind }) => kind === 'compaction').length,
      ...toolCounts(calls.flatMap(({ tools }) => tools)),
      ...this.tokens(calls),
      first_prompt: (first ?? '').slice(0, PREVIEW),
      ...(answer?.brokenOff === true ? {} : { last_answer: (answer?.answer ?? '').slice(0, PREVIEW) }),
      outcome: told.at(-1)!.outcome,
      ambiguous: false,
    };
    return { session, columns: stated(columns) };
  }

  tool(tool: PlayedTool): ExpectedTool {
    const call = tool.call();
    const { session } = call.line;
    const requested = this.end(call);
    const shownAt = tool.shown === null ? null : this.start(tool.shown.call);
    const child = tool.child?.session;
    const columns = {
      tool_call_id: tool.id,
      session_id: session.id || null,
      agent_id: who(session).agent_id,
      tool_name: tool.name,
      mcp_server: /^mcp__(.+?)__/.exec(tool.name)?.[1] ?? '',
      arguments: tool.arguments,
      requested,
      result_seen: shownAt ?? 'none',
      result_preview: tool.shown?.result.slice(0, PREVIEW) ?? '',
      is_error: tool.shown === null ? 'none' : tool.shown.failed,
      duration_ms: shownAt === null ? 'none' : (shownAt - requested) / 1000,
      server_side: false,
      subagent_session_id: child !== undefined && child !== session ? child.id : '',
    };
    return { tool, columns: stated(columns) };
  }
}

/** `null` is what nothing is stated of. */
function stated(columns: Readonly<Record<string, Value>>): Columns {
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== null));
}

function toolCounts(tools: readonly PlayedTool[]) {
  return { tool_calls: tools.length, tool_errors: tools.filter(({ shown }) => shown?.failed === true).length };
}

function sourceOf({ who: { added, client } }: PlayedSession): string {
  return 'x-session-id' in added || 'x-conversation-id' in added ? 'header' : client.sessionSource;
}

function who({ who: { added, client } }: PlayedSession) {
  return {
    agent_id: added['x-agent-id'] ?? client.agentId,
    user_id: added['x-user-id'] ?? client.userId ?? '',
    team_id: added['x-team-id'] ?? '',
    client_name: client.clientName,
  };
}

/** Whether what was played can be told apart. */
const isCertain = (line: Line): boolean => line.session.twins === '';

export function expect(stage: Stage, seen: ReadonlyMap<number, Seen>): SessionsManifest {
  const reading = new Reading(seen);
  const lines = stage.sessions.flatMap((session) => session.lines).filter(isCertain);
  const certain = stage.calls.filter(({ line }) => isCertain(line));
  return {
    sessions: stage.sessions.map((session) => reading.session(session, stage.calls)),
    turns: lines.flatMap(({ turns }) => turns).map((turn) => reading.turn(turn)),
    tools: certain.flatMap(({ tools }) => tools).map((tool) => reading.tool(tool)),
    calls: stage.calls,
    seen,
  };
}
