/**
 * Tool calls of one session: asked for by one call's answer, answered by a later call's request, whatever connection that came on.
 * Results are joined by the tool call's id (letters and digits only: some clients strip the punctuation), where the API gives none by
 * name and order within the thread.
 */
import type { ToolCall } from '../../schemas/story.ts';
import type { CallId, Micros } from '../common/types.ts';
import type { AskedFacts, CallFacts, ResultFacts } from './facts.ts';
import { digest } from './ids.ts';
import { bare, isServerSide } from './tool-ids.ts';
import type { TurnState } from './turns.ts';

/** Tool calls without a result that are waited for, in one session; the oldest are let go. */
const WAITING_MAX = 2000;
const MCP_NAME = /^mcp__(.+?)__/;

export interface ToolState {
  readonly callId: CallId;
  readonly position: number;
  readonly threadId: string;
  readonly agentId: string;
  readonly teamId: string;
  readonly asked: AskedFacts;
  /** Equal for tool calls with equal names and arguments. */
  readonly action: string;
  /** Hash of its result, once that is known. */
  readonly answer: { hash: string | null };
  readonly requested: Micros;
  readonly serverSide: boolean;
  readonly turn: TurnState;
  result: ResultFacts | null;
  resultSeen: Micros | null;
  resultCallId: string;
  subagentThreadId: string;
  subagentSessionId: string;
}

function keyOf(threadId: string, id: string, name: string): string {
  const letters = bare(id);
  return letters === '' ? `${threadId} ${name}` : letters;
}

export class ToolLedger {
  /** Asked for and not answered, by id, else by thread and name, in order. */
  readonly #waiting = new Map<string, ToolState[]>();
  readonly #dirty = new Set<ToolState>();
  /** Whose arguments hand a text to a subagent, by that text's hash. */
  readonly #handing = new Map<string, ToolState[]>();
  /** By the subagent's id that the result names: as it stands there (a session's), and as it names a thread. */
  readonly #named = new Map<string, ToolState>();
  readonly #sessionId: string;

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  /** Tool calls that changed since the last time. */
  takeDirty(): ToolState[] {
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    return dirty;
  }

  /** What the rows say of tool calls that may yet change: a result may come, or the subagent be found. */
  lasting(): Set<AskedFacts | ResultFacts> {
    const lasting = new Set<AskedFacts | ResultFacts>();
    const last = ({ asked, result }: ToolState): void => {
      lasting.add(asked);
      if (result !== null) lasting.add(result);
    };
    for (const tools of this.#waiting.values()) for (const tool of tools) last(tool);
    for (const tools of this.#handing.values()) for (const tool of tools) if (tool.subagentThreadId === '') last(tool);
    for (const tool of this.#named.values()) if (tool.subagentThreadId === '') last(tool);
    return lasting;
  }

  changed(tool: ToolState): void {
    this.#dirty.add(tool);
  }

  ask(call: CallFacts, threadId: string, turn: TurnState): ToolState[] {
    return call.asked.map((asked, position) => {
      const tool: ToolState = {
        callId: call.callId,
        position,
        threadId,
        agentId: call.agentId,
        teamId: call.teamId,
        asked,
        action: `${asked.name} ${asked.argumentsHash}`,
        answer: { hash: null },
        requested: call.end,
        serverSide: isServerSide(asked.id) || call.finishReason === 'stop',
        turn,
        result: null,
        resultSeen: null,
        resultCallId: '',
        subagentThreadId: '',
        subagentSessionId: '',
      };
      this.#dirty.add(tool);
      if (!tool.serverSide) this.#wait(tool);
      if (asked.promptHash !== '') push(this.#handing, asked.promptHash, tool);
      return tool;
    });
  }

  /** The tool calls that this request's results answer, in order; results that are known or belong to nothing are left out. */
  answer(call: CallFacts, threadId: string): ToolState[] {
    const answered: ToolState[] = [];
    for (const result of call.results) {
      const tool = this.#take(threadId, result);
      if (tool === null) continue;
      tool.result = result;
      tool.answer.hash = result.hash;
      tool.resultSeen = call.start;
      tool.resultCallId = call.callId;
      if (result.agent !== '') this.#name(result.agent, tool);
      this.#dirty.add(tool);
      answered.push(tool);
    }
    return answered;
  }

  /** The tool call that handed this text to a subagent: the one that is known for it, else the first without one. */
  handing(promptHash: string, threadId: string): ToolState | null {
    const tools = this.#handing.get(promptHash) ?? [];
    const own = tools.find((tool) => tool.subagentThreadId === threadId);
    return own ?? tools.find((tool) => tool.subagentThreadId === '' && tool.threadId !== threadId) ?? null;
  }

  /** The tool call whose result names this thread or session. */
  naming(threadId: string, sessionId: string): ToolState | null {
    return this.#named.get(threadId) ?? this.#named.get(sessionId) ?? null;
  }

  #name(agent: string, tool: ToolState): void {
    this.#named.set(agent, tool);
    this.#named.set(digest('thread', this.#sessionId, agent), tool);
  }

  #wait(tool: ToolState): void {
    push(this.#waiting, keyOf(tool.threadId, tool.asked.id, tool.asked.name), tool);
    if (this.#waiting.size <= WAITING_MAX) return;
    const [oldest] = this.#waiting.keys();
    if (oldest !== undefined) this.#waiting.delete(oldest);
  }

  #take(threadId: string, result: ResultFacts): ToolState | null {
    for (const key of new Set([keyOf(threadId, result.id, result.name), `${threadId} ${result.name}`])) {
      const tools = this.#waiting.get(key);
      const tool = tools?.shift();
      if (tools?.length === 0) this.#waiting.delete(key);
      if (tool !== undefined) return tool;
    }
    return null;
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** Tool calls of a subagent belong to its root's turn, as its calls do. */
function rootTurn(turn: TurnState): TurnState {
  let root = turn;
  for (let depth = 0; depth < 16 && root.parent !== null; depth++) root = root.parent;
  return root;
}

export function toolCallRow(tool: ToolState, sessionId: string): ToolCall {
  const { asked, result, resultSeen, requested } = tool;
  return {
    toolCallId: asked.id,
    callId: tool.callId,
    position: tool.position,
    sessionId,
    threadId: tool.threadId,
    turnId: rootTurn(tool.turn).turnId,
    agentId: tool.agentId,
    teamId: tool.teamId,
    toolName: asked.name,
    mcpServer: MCP_NAME.exec(asked.name)?.[1] ?? '',
    arguments: asked.arguments,
    argumentsHash: asked.argumentsHash,
    requested,
    resultSeen,
    resultCallId: tool.resultCallId,
    resultHash: result?.hash ?? '',
    resultPreview: result?.preview ?? '',
    isError: result?.isError ?? null,
    durationMs: resultSeen === null ? null : Math.max(0, resultSeen - requested) / 1000,
    serverSide: tool.serverSide,
    subagentThreadId: tool.subagentThreadId,
    subagentSessionId: tool.subagentSessionId,
  };
}
