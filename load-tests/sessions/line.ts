/**
 * One line of conversation, played call by call in its own time: what a person says, the tools that the model asks for, its answers,
 * what fails, what is summed up. Every call's request carries the history so far.
 */
import type { Failure, Finish, ToolCall, Turn } from '../dialects/dialect.ts';
import type { Random } from '../generator/random.ts';
import type { Outgoing, WireClient } from './client.ts';
import { answered, type CutPlan, failed, type Message } from './messages.ts';
import type { PlayedCall, PlayedTool, PlayedTurn, SideKind } from './played.ts';
import type { PlayedSession, Stage } from './stage.ts';

const SECOND = 1_000_000;

export interface ScriptedTool {
  readonly name: string;
  readonly args?: Readonly<Record<string, unknown>>;
  /** Null: none ever comes. */
  readonly result?: string | null;
  readonly failed?: boolean;
  /** What the subagent does that it starts. */
  readonly agent?: (child: Line) => void;
  /** The parent goes on while the subagent works. */
  readonly background?: boolean;
}

export interface Answering {
  readonly text?: string;
  readonly finish?: Finish;
  /** Tokens of the request; else they follow from its length. */
  readonly input?: number;
  readonly model?: string;
}

interface SidePlan extends Answering {
  readonly system?: string;
  readonly turns?: readonly Turn[];
  /** Offers the client's tools, as Claude Code's compaction does. */
  readonly tools?: boolean;
}

export class Line {
  readonly stage: Stage;
  readonly session: PlayedSession;
  readonly parent: Line | null;
  /** The tool call that started it. */
  readonly startedBy: PlayedTool | null;
  /** Ids that some clients give: of the thread, of the turn. */
  readonly uuid: string;
  turnUuid: string;
  readonly turns: PlayedTurn[] = [];
  /** What was said to it. */
  readonly prompts: string[] = [];
  history: Turn[] = [];
  /** Rewritten histories. */
  window = 0;
  clock: number;
  readonly #random: Random;
  readonly #startTurnUuid: string;
  #results: { readonly tool: PlayedTool; readonly result: string; readonly failed: boolean }[] = [];
  #pending: string | null = null;
  #attempts = 0;
  #ahead: PlayedCall[] = [];
  lastAnswer = '';
  /** Id of the newest response to a step: what a chained request names. */
  lastResponseId = '';

  constructor(
    stage: Stage,
    session: PlayedSession,
    parent: Line | null,
    start: number,
    startedBy: PlayedTool | null = null,
  ) {
    this.stage = stage;
    this.session = session;
    this.parent = parent;
    this.startedBy = startedBy;
    this.clock = start;
    this.#random = stage.random.fork();
    this.uuid = parent === null ? session.uuid : stage.uuid();
    this.turnUuid = stage.uuid();
    this.#startTurnUuid = parent?.rootTurnUuid ?? '';
    session.lines.push(this);
  }

  get client(): WireClient {
    return this.session.who.client;
  }

  get kind(): 'main' | 'subagent' {
    return this.parent === null ? 'main' : 'subagent';
  }

  /** The main line whose turn its calls belong to. */
  get root(): Line {
    return this.parent === null ? this : this.parent.root;
  }

  /** Of the turn that its calls belong to. */
  get rootTurnUuid(): string {
    return this.parent === null ? this.turnUuid : this.#startTurnUuid;
  }

  get turn(): PlayedTurn | null {
    return this.turns.at(-1) ?? null;
  }

  waits(seconds: number): this {
    this.clock += seconds * SECOND;
    return this;
  }

  /** A person (or a parent) speaks. */
  user(text: string): this {
    this.#pending = text;
    this.prompts.push(text);
    this.turnUuid = this.stage.uuid();
    this.history.push({ role: 'user', text });
    return this;
  }

  /** The client speaks in the user's name: no turn begins. */
  note(text: string): this {
    this.history.push({ role: 'user', text });
    return this;
  }

  asks(tools: readonly ScriptedTool[], answering: Answering = {}): this {
    const calls = tools.map(({ name, args = {} }) => this.stage.toolCall(name, args, this.client));
    const call = this.#step({ finish: 'tool_calls', ...answering }, calls);
    const echoed = this.#remember(call.answer, calls);
    const children = tools.map((tool, at) =>
      tool.agent === undefined ? null : this.#spawn(tool, call.tools[at]!, call),
    );
    for (const [at, tool] of tools.entries()) this.#resultOf(tool, call.tools[at]!, echoed[at]!, children[at]!);
    return this;
  }

  /** One tool. */
  uses(name: string, args: Readonly<Record<string, unknown>>, result: string | null = 'ok', failed = false): this {
    return this.asks([{ name, args, result, failed }]);
  }

  says(text: string, answering: Answering = {}): this {
    const call = this.#step({ text, finish: 'stop', ...answering }, []);
    this.#remember(call.answer, []);
    return this;
  }

  /** The request is answered with an error; the next call tries again. */
  fails(failure: Failure): this {
    this.#put(failed(this.#outgoing(this.kind), this.history, failure), this.kind);
    return this;
  }

  /** The answer breaks off; the next call tries again. `client`: it hangs up itself, and nobody tries again. */
  breaks(by: CutPlan['by'], text = 'This answer is long enough to be cut somewhere in the middle of it.'): this {
    this.#put(answered(this.#outgoing(this.kind), this.history, { text, finish: 'stop' }, [], { by }), this.kind);
    if (by === 'client') this.#settle();
    return this;
  }

  /** A call beside the conversation. */
  side(kind: SideKind, plan: SidePlan): PlayedCall {
    const { turns = this.history } = plan;
    return this.#put(answered({ ...this.#outgoing(kind), attempt: 0 }, turns, plan, [], null), kind);
  }

  /** The history is summed up; it goes on with the summary, behind `opening`. */
  compacts(summary: string, plan: SidePlan, opening: (summary: string) => readonly Turn[]): this {
    this.#show(this.side('compaction', { ...plan, text: summary }));
    this.history = [...opening(summary)];
    this.window++;
    return this;
  }

  /** What another client's rewriting does to the history. */
  rewrites(change: (history: readonly Turn[]) => Turn[]): this {
    this.history = change(this.history);
    return this;
  }

  /** The model's answer has this id. */
  responded(id: string, { kind }: Outgoing): void {
    if (kind !== this.kind) return;
    this.lastResponseId = id;
  }

  #outgoing(kind: Outgoing['kind']): Outgoing {
    return { line: this, kind, attempt: this.#attempts };
  }

  #step(answering: Answering, calls: readonly ToolCall[]): PlayedCall {
    const call = this.#put(answered(this.#outgoing(this.kind), this.history, answering, calls, null), this.kind);
    this.#settle();
    return call;
  }

  /** The step is through: the next one isn't another attempt. */
  #settle(): void {
    this.#attempts = 0;
  }

  #put(message: Message, kind: PlayedCall['kind']): PlayedCall {
    const isStep = kind === this.kind;
    const call = this.#played(message, kind, isStep && this.#attempts > 0);
    this.stage.calls.push(call);
    this.clock = call.end + this.#random.int(300_000, 2_000_000);
    if (isStep) {
      this.#attempts++;
      this.#place(call);
      this.#show(call);
      if (call.answer !== '') this.lastAnswer = call.answer;
    } else this.#placeSide(call);
    return call;
  }

  /** Its request is the first with the results. */
  #show(call: PlayedCall): void {
    for (const { tool, result, failed } of this.#results) tool.shown = { call, result, failed };
    this.#results = [];
  }

  #played(message: Message, kind: PlayedCall['kind'], isRetry: boolean): PlayedCall {
    const { request, response, thinkUs, ...told } = message;
    const sent = this.clock + (request.parts.at(-1)?.atUs ?? 0);
    const responseStart = sent + thinkUs;
    const end = responseStart + (response.parts.at(-1)?.atUs ?? 0);
    const tools: PlayedTool[] = [];
    const call: PlayedCall = {
      index: this.stage.calls.length,
      line: this,
      kind,
      isRetry,
      turn: null,
      request,
      response,
      start: this.clock,
      responseStart,
      end,
      ...told,
      tools,
    };
    for (const [position, asked] of message.asked.entries())
      tools.push({ ...asked, call: () => call, position, shown: null, child: null });
    return call;
  }

  /** A step belongs to the turn under way, or begins the next one. */
  #place(call: PlayedCall): void {
    const root = this.root;
    if (this.parent !== null) {
      const turn = this.startedBy?.call().turn ?? root.turn;
      turn?.children.push(call);
      call.turn = turn;
      return;
    }
    if (this.#pending !== null || this.turn === null) {
      const prompt = this.#pending ?? '';
      const turn: PlayedTurn = {
        line: this,
        ordinal: this.turns.length + 1,
        prompt,
        steps: [],
        sides: [],
        children: [],
      };
      this.turns.push(turn);
      for (const side of this.#ahead.splice(0)) {
        side.turn = turn;
        turn.sides.push(side);
      }
      this.#pending = null;
    }
    this.turn!.steps.push(call);
    call.turn = this.turn;
  }

  #placeSide(call: PlayedCall): void {
    const turn = this.parent === null ? this.turn : (this.startedBy?.call().turn ?? null);
    if ((this.parent === null && this.#pending !== null) || turn === null) {
      this.#ahead.push(call);
      return;
    }
    turn.sides.push(call);
    call.turn = turn;
  }

  /** Returns the tool calls as later requests have them. */
  #remember(text: string, calls: readonly ToolCall[]): readonly ToolCall[] {
    const toolCalls = calls.map((call) => ({ ...call, id: this.#echo(call) }));
    this.history.push({ role: 'assistant', text, toolCalls });
    return toolCalls;
  }

  /** The id that the client puts into its history. */
  #echo({ id, name }: ToolCall): string {
    const { echoedId } = this.client;
    return echoedId === undefined ? id : echoedId(id, name, this);
  }

  #spawn(tool: ScriptedTool, played: PlayedTool, call: PlayedCall): Line {
    const start = call.end + this.#random.int(20_000, 400_000);
    const child = this.#childLine(start, played);
    played.child = child;
    tool.agent!(child);
    if (tool.background !== true) this.clock = Math.max(this.clock, child.clock);
    return child;
  }

  #childLine(start: number, tool: PlayedTool): Line {
    if (this.client.children === 'session') return this.stage.line(this.session.who, this, start, '', tool);
    return new Line(this.stage, this.session, this, start, tool);
  }

  #resultOf(scripted: ScriptedTool, tool: PlayedTool, asked: ToolCall, child: Line | null): void {
    const told = child === null ? scripted.result : (scripted.result ?? child.lastAnswer);
    if (told === null) return;
    const failed = scripted.failed ?? false;
    const { client } = this;
    const plain = told ?? 'ok';
    const result =
      child === null ? (client.wraps?.(plain, failed, this) ?? plain) : (client.report?.(plain, child) ?? plain);
    const { id: callId, name } = asked;
    this.history.push({ role: 'tool', callId, name, result, failed });
    this.#results.push({ tool, result, failed });
  }
}
