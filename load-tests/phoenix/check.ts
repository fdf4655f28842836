/** Holds what Phoenix shows against what Bittern stored. */
import type { Shown, ShownMessage, ShownSpan } from './shown.ts';
import type { Stored, StoredCall, StoredTool, StoredTurn } from './stored.ts';

const CALL_FAILED: ReadonlySet<string> = new Set([
  ...['http_error', 'stream_error', 'client_abort', 'upstream_abort', 'timeout'],
]);
const TURN_FAILED: ReadonlySet<string> = new Set(['error', 'aborted']);

/** Said and expected, by name. */
type Comparison = Readonly<Record<string, readonly [shown: unknown, stored: unknown]>>;

export interface Verdict {
  /** How often each thing was compared with something that was not empty. */
  readonly compared: ReadonlyMap<string, number>;
  readonly problems: readonly string[];
}

const none = (text: string): string | undefined => (text === '' ? undefined : text);
const textOf = (messages: readonly ShownMessage[] | undefined): string | undefined => messages?.[0]?.message.content;
type Asked = readonly [name: string, args: unknown];
const toolsOf = (messages: readonly ShownMessage[] | undefined): readonly Asked[] =>
  (messages ?? []).flatMap(({ message }) =>
    (message.tool_calls ?? []).map(
      ({ tool_call: { function: asked } }): Asked => [asked.name, parsed(asked.arguments)],
    ),
  );

function parsed(value: unknown): unknown {
  return typeof value === 'string' ? (JSON.parse(value) as unknown) : value;
}

function turnSaid(span: ShownSpan, turn: StoredTurn): Comparison {
  return {
    kind: [span.spanKind, 'agent'],
    root: [span.parentId, null],
    status: [span.statusCode, TURN_FAILED.has(turn.outcome) ? 'ERROR' : 'UNSET'],
    statusMessage: [span.statusMessage, TURN_FAILED.has(turn.outcome) ? turn.outcome : ''],
    session: [span.attributes.session?.id, turn.session_id],
    input: [span.input?.value, none(turn.prompt_preview)],
    output: [span.output?.value, none(turn.answer_preview)],
    inputMessage: [textOf(span.attributes.llm?.input_messages), none(turn.prompt_preview)],
    outputMessage: [textOf(span.attributes.llm?.output_messages), none(turn.answer_preview)],
  };
}

function callSaid(
  span: ShownSpan,
  call: StoredCall,
  turns: ReadonlyMap<string, ShownSpan>,
  tools: readonly StoredTool[],
): Comparison {
  const { llm } = span.attributes;
  const turn = turns.get(call.turn_id);
  return {
    kind: [span.spanKind, 'llm'],
    parent: [span.parentId, turn?.spanId ?? null],
    trace: [turn === undefined ? undefined : span.trace.traceId, turn?.trace.traceId],
    status: [span.statusCode, CALL_FAILED.has(call.outcome) ? 'ERROR' : 'UNSET'],
    statusMessage: [span.statusMessage, CALL_FAILED.has(call.outcome) ? call.outcome : ''],
    session: [span.attributes.session?.id, call.session_id],
    user: [span.attributes.user?.id, none(call.user_id)],
    model: [llm?.model_name, none(call.model)],
    tokensIn: [span.tokenCountPrompt, call.input_tokens ?? 0],
    tokensOut: [span.tokenCountCompletion, call.output_tokens ?? 0],
    tokensCached: [llm?.token_count?.prompt_details?.cache_read, call.cache_read_tokens ?? undefined],
    inputMessage: [textOf(llm?.input_messages), none(call.prompt_preview)],
    outputMessage: [textOf(llm?.output_messages), none(call.answer_preview)],
    toolsAsked: [
      toolsOf(llm?.output_messages),
      tools
        .filter(({ call_id }) => call_id === call.call_id)
        .map((tool): Asked => [tool.tool_name, parsed(tool.arguments)]),
    ],
    input: [span.input?.value, none(call.prompt_preview)],
    ...(call.answer_preview === ''
      ? { toolsOutput: [call.tool_names.every((name) => span.output?.value.includes(name)), true] }
      : { output: [span.output?.value, call.answer_preview] }),
  };
}

function toolSaid(span: ShownSpan, tool: StoredTool): Comparison {
  return {
    kind: [span.spanKind, 'tool'],
    name: [span.attributes.tool?.name, tool.tool_name],
    status: [span.statusCode, tool.is_error === true ? 'ERROR' : 'UNSET'],
    input: [span.input?.value, none(tool.arguments)],
    parameters: [span.attributes.tool?.parameters === undefined ? undefined : 'shown', none(tool.arguments) && 'shown'],
    output: [span.output?.value, none(tool.result_preview)],
  };
}

/** Of one turn, in an order that both have. */
const inOrder = <T>(list: readonly T[], key: (each: T) => string): readonly T[] =>
  list.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));

export function verdictOn(shown: Shown, { turns, calls, tools }: Stored): Verdict {
  const compared = new Map<string, number>();
  const problems: string[] = [];
  const compare = (what: string, comparison: Comparison): void => {
    for (const [name, [said, expected]] of Object.entries(comparison)) {
      if (expected !== undefined && expected !== null && expected !== '' && expected !== 0)
        compared.set(name, (compared.get(name) ?? 0) + 1);
      if (JSON.stringify(said) !== JSON.stringify(expected))
        problems.push(`${what}: ${name} is ${JSON.stringify(said)}, not ${JSON.stringify(expected)}`);
    }
  };
  const agents = shown.spans.filter(({ name }) => name.startsWith('invoke_agent'));
  const turnSpans = new Map(agents.map((span) => [span.attributes.bittern?.turn?.id ?? '', span]));
  const spanIds = new Map(shown.spans.map((span) => [span.spanId, span]));
  const expected = turns.length + calls.length + tools.length;
  if (shown.spans.length !== expected) problems.push(`Phoenix shows ${shown.spans.length} spans, not ${expected}`);
  for (const turn of turns) {
    const span = turnSpans.get(turn.turn_id);
    if (span === undefined) problems.push(`turn ${turn.turn_id} is missing`);
    else compare(`turn ${turn.turn_id}`, turnSaid(span, turn));
  }
  for (const call of calls) {
    const span = spanIds.get(call.call_id.slice(0, 16));
    if (span === undefined) problems.push(`call ${call.call_id} is missing`);
    else compare(`call ${call.call_id}`, callSaid(span, call, turnSpans, tools));
  }
  for (const [turnId, ofTurn] of Map.groupBy(tools, ({ turn_id }) => turn_id)) {
    const parent = turnSpans.get(turnId)?.spanId;
    const spans = shown.spans.filter(({ name, parentId }) => name.startsWith('execute_tool') && parentId === parent);
    if (spans.length !== ofTurn.length) problems.push(`turn ${turnId} has ${spans.length} tools, not ${ofTurn.length}`);
    const stored = inOrder(ofTurn, (tool) => `${tool.tool_name} ${tool.arguments} ${tool.result_preview}`);
    inOrder(spans, (span) => `${span.attributes.tool?.name} ${span.input?.value} ${span.output?.value}`).forEach(
      (span, i) => {
        if (stored[i] !== undefined) compare(`tool of turn ${turnId}`, toolSaid(span, stored[i]));
      },
    );
  }
  for (const [id, ofSession] of Map.groupBy(calls, ({ session_id }) => session_id)) {
    const session = shown.sessions.find(({ sessionId }) => sessionId === id);
    if (session === undefined) problems.push(`session ${id} is missing`);
    else compare(`session ${id}`, sessionSaid(session, ofSession, turns));
  }
  const cost = calls.reduce((sum, { cost_usd }) => sum + (cost_usd ?? 0), 0);
  if (Math.abs(cost - shown.cost) > 1e-6) problems.push(`Phoenix's own prices make ${shown.cost}, ours ${cost}`);
  return { compared, problems };
}

function sessionSaid(
  session: Shown['sessions'][number],
  calls: readonly StoredCall[],
  turns: readonly StoredTurn[],
): Comparison {
  const sum = (of: (call: StoredCall) => number | null): number =>
    calls.reduce((total, call) => total + (of(call) ?? 0), 0);
  const prompts = turns.filter(({ session_id }) => session_id === session.sessionId).map((turn) => turn.prompt_preview);
  return {
    sessionTokensIn: [session.tokenUsage.prompt, sum((call) => call.input_tokens)],
    sessionTokensOut: [session.tokenUsage.completion, sum((call) => call.output_tokens)],
    sessionInput: [prompts.includes(session.firstInput?.value ?? ''), true],
  };
}
