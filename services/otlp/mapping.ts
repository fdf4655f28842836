/**
 * What Bittern's rows are called in OpenTelemetry: the one list of attributes. From it are made the view `otel_traces`
 * (schemas/clickhouse/0014), the spans that are sent (encode.ts) and the table in docs/opentelemetry.md.
 *
 * Names are those of the GenAI semantic conventions (repository semantic-conventions-genai, "Development"); what they don't name
 * goes by `bittern.`; some values go by a second name as well, where a reader asks for that one only.
 */

/** In the scope of every span, metric and log: changes with the meaning of what is sent. */
export const MAPPING_VERSION = 'genai-2026.05+1';
export const SCOPE_NAME = 'bittern';

export type SpanKindName = 'turn' | 'call' | 'tool';

/** How the text in `SpanAttributes` is to be read: the view has texts only, OTLP has types. */
export type AttributeType = 'string' | 'int' | 'double' | 'bool' | 'strings';

export interface Attribute {
  readonly key: string;
  readonly type: AttributeType;
  /** Of the row `r`; null, '' and [] leave the attribute out. */
  readonly sql: string;
  readonly meaning: string;
  /** Text of the traffic: only when the operator allows it, and never in the view. */
  readonly content?: true;
}

type Row = readonly [key: string, type: AttributeType, sql: string, meaning: string];

const attribute = ([key, type, sql, meaning]: Row): Attribute => ({ key, type, sql, meaning });
const content = (...row: Row): Attribute => ({ ...attribute(row), content: true });

/** µs of capture time as ISO 8601. */
const iso = (column: string): string =>
  `if(isNull(${column}), '', formatDateTime(assumeNotNull(${column}), '%Y-%m-%dT%H:%i:%S.%fZ', 'UTC'))`;

/** Where no client named the session, its id is a hash that we made: no conversation id of the application's. */
const NAMED_SESSION = "('header', 'body', 'client_profile')";

const OPERATION = `multiIf(
        r.dialect = 'gemini.generate_content', 'generate_content',
        match(r.path, '/embed(dings)?$|:(batch)?[eE]mbedContents?$'), 'embeddings',
        match(r.path, '/completions$') AND NOT match(r.path, '/chat/completions$'), 'text_completion',
        'chat')`;

/** Ends that are no success of the call; what the capture missed is not the call's error. */
const CALL_FAILED = "r.outcome IN ('http_error', 'stream_error', 'client_abort', 'upstream_abort', 'timeout')";
const TURN_FAILED = "r.outcome IN ('error', 'aborted')";

const FINISH_WORD = "if(r.finish_reason_raw = '', toString(r.finish_reason), toString(r.finish_reason_raw))";

const common = (sessionSource: string): Row[] => [
  [
    'gen_ai.conversation.id',
    'string',
    `if(${sessionSource} IN ${NAMED_SESSION}, r.session_id, '')`,
    'Session, where the client names it.',
  ],
  ['session.id', 'string', 'r.session_id', 'Session, on every span (Langfuse, HyperDX, Phoenix).'],
  ['gen_ai.agent.id', 'string', 'r.agent_id', 'Agent.'],
  ['gen_ai.agent.name', 'string', 'r.agent_id', 'The same: the traffic tells no other name.'],
  ['bittern.team.id', 'string', 'r.team_id', 'Team or tenant.'],
  ['bittern.thread.id', 'string', 'r.thread_id', 'Line of conversation: main loop or subagent.'],
  ['bittern.turn.id', 'string', 'r.turn_id', 'Turn: `turns.turn_id`.'],
];

const textPart = (text: string): string =>
  `if(${text} = '', [], [concat('{"type":"text","content":', toJSONString(${text}), '}')])`;

/** The tools that an answer asks for; the arguments `a` stand at the tool calls, by position. */
const ARGUMENTS = 'a.asked[toUInt32(i - 1)]';
const TOOL_PARTS = `arrayMap((name, i) -> concat('{"type":"tool_call","id":', toJSONString(r.tool_call_ids[i]), ',"name":', toJSONString(name),
            multiIf(${ARGUMENTS} = '', '', isValidJSON(${ARGUMENTS}), concat(',"arguments":', ${ARGUMENTS}), concat(',"arguments":', toJSONString(${ARGUMENTS}))), '}'),
            r.tool_names, arrayEnumerate(r.tool_names))`;

/** One message; `finish` is what an answer must say of its end (readers leave out a message without). */
const message = (role: string, parts: string, finish?: string): string =>
  `if(empty(${parts}), '', concat('[{"role":"${role}","parts":[', arrayStringConcat(${parts}, ','), ']${
    finish === undefined ? '' : `,"finish_reason":', toJSONString(${finish}), '`
  }}]'))`;

/** stop, length, content_filter, tool_call, error; a word that we don't know stays as it is. */
const CALL_FINISH = `if(r.finish_reason = 'other', toString(r.finish_reason_raw), transform(toString(r.finish_reason),
            ['stop', 'pause', 'length', 'content_filter', 'refusal', 'tool_calls'],
            ['stop', 'stop', 'length', 'content_filter', 'content_filter', 'tool_call'], 'error'))`;
const TURN_FINISH =
  "transform(toString(r.outcome), ['answered', 'length', 'refused', 'open'], ['stop', 'length', 'content_filter', 'tool_call'], 'error')";

const TURN: readonly Attribute[] = [
  ...(
    [
      ['gen_ai.operation.name', 'string', "'invoke_agent'", 'Operation.'],
      ['gen_ai.provider.name', 'string', "if(t.provider = '', 'unknown', t.provider)", 'Provider of its first call.'],
      ...common('t.session_source'),
      ['user.id', 'string', 'r.user_id', 'User.'],
      ['error.type', 'string', `if(${TURN_FAILED}, r.outcome, '')`, 'Set when the status is Error.'],
      ['openinference.span.kind', 'string', "'AGENT'", 'For Phoenix.'],
      ['bittern.client.name', 'string', 'r.client_name', 'Client program.'],
      ['bittern.turn.ordinal', 'int', 'r.ordinal', 'Its number within the thread, from 1.'],
      ['bittern.turn.outcome', 'string', 'r.outcome', 'open, answered, length, refused, error, aborted.'],
      ['bittern.turn.calls', 'int', 'r.calls', 'Steps of the conversation.'],
      ['bittern.turn.retries', 'int', 'r.retries', 'Further attempts of steps.'],
      ['bittern.turn.side_calls', 'int', 'r.side_calls', 'Calls beside the conversation.'],
      ['bittern.turn.subagent_calls', 'int', 'r.subagent_calls', 'Calls of subagents.'],
      ['bittern.turn.tool_calls', 'int', 'r.tool_calls', 'Tool calls.'],
      ['bittern.turn.tool_errors', 'int', 'r.tool_errors', 'Tool calls that failed.'],
    ] as Row[]
  ).map(attribute),
  content(
    'gen_ai.input.messages',
    'string',
    message('user', textPart('r.prompt_preview')),
    'Beginning of what the user said.',
  ),
  content(
    'gen_ai.output.messages',
    'string',
    message('assistant', textPart('r.answer_preview'), TURN_FINISH),
    'Beginning of its answer.',
  ),
  content('input.value', 'string', 'r.prompt_preview', 'The first of these as text (Phoenix).'),
  content('output.value', 'string', 'r.answer_preview', 'The second of these as text (Phoenix).'),
];

/**
 * Langfuse makes a kind of usage of every `gen_ai.usage.` name and adds them up, so that cached tokens would count twice; where this
 * is given it takes nothing else.
 */
const count = (column: string): string => `toInt64(ifNull(${column}, 0))`;
const LANGFUSE_USAGE = `if(isNull(r.input_tokens) AND isNull(r.output_tokens), '', concat(
            '{"input":', toString(greatest(0, ${count('r.input_tokens')} - ${count('r.cache_read_tokens')} - ${count('r.cache_write_tokens')})),
            ',"input_cached_tokens":', toString(${count('r.cache_read_tokens')}), ',"input_cache_creation":', toString(${count('r.cache_write_tokens')}),
            ',"output":', toString(greatest(0, ${count('r.output_tokens')} - ${count('r.reasoning_tokens')})),
            ',"output_reasoning_tokens":', toString(${count('r.reasoning_tokens')}), '}'))`;

const CALL_ANSWER = message('assistant', `arrayConcat(${textPart('r.answer_preview')}, ${TOOL_PARTS})`, CALL_FINISH);

const CALL: readonly Attribute[] = [
  ...(
    [
      ['gen_ai.operation.name', 'string', OPERATION, 'Operation: chat, generate_content, text_completion, embeddings.'],
      ['gen_ai.provider.name', 'string', "if(r.provider = '', 'unknown', r.provider)", 'Provider.'],
      ['gen_ai.request.model', 'string', 'r.requested_model', 'Model that the request names.'],
      ['gen_ai.response.model', 'string', 'r.model', 'Model that answered.'],
      ['gen_ai.response.id', 'string', 'r.response_id', 'Id of the response.'],
      [
        'gen_ai.response.finish_reasons',
        'strings',
        `if(${FINISH_WORD} = '', [], [${FINISH_WORD}])`,
        'The API’s own word for how it ended.',
      ],
      ['gen_ai.request.max_tokens', 'int', 'r.max_output_tokens', 'Limit on output tokens.'],
      ['gen_ai.request.temperature', 'double', 'r.temperature', 'Temperature.'],
      ['gen_ai.request.stream', 'bool', 'r.streaming', 'Whether the answer streamed.'],
      ['gen_ai.response.time_to_first_chunk', 'double', 'r.ttft_ms / 1000', 'Time to first token, seconds.'],
      ['ttft_ms', 'double', 'r.ttft_ms', 'The same in milliseconds (HyperDX).'],
      ['langfuse.observation.completion_start_time', 'string', iso('r.first_token'), 'First token (Langfuse).'],
      ['gen_ai.usage.input_tokens', 'int', 'r.input_tokens', 'Input tokens, cached included.'],
      ['gen_ai.usage.output_tokens', 'int', 'r.output_tokens', 'Output tokens, reasoning included.'],
      ['gen_ai.usage.cache_read.input_tokens', 'int', 'r.cache_read_tokens', 'Input tokens read from a cache.'],
      ['gen_ai.usage.cache_creation.input_tokens', 'int', 'r.cache_write_tokens', 'Input tokens written to a cache.'],
      ['gen_ai.usage.cache_creation_input_tokens', 'int', 'r.cache_write_tokens', 'The same (HyperDX).'],
      ['gen_ai.usage.reasoning.output_tokens', 'int', 'r.reasoning_tokens', 'Reasoning tokens.'],
      [
        'langfuse.observation.usage_details',
        'string',
        LANGFUSE_USAGE,
        'JSON: the same counts, none of them within another (Langfuse).',
      ],
      ['gen_ai.usage.cost', 'double', 'r.cost_usd', 'Price in US dollars (HyperDX, Langfuse).'],
      ...common('r.session_source'),
      ['user.id', 'string', 'r.user_id', 'User.'],
      [
        'error.type',
        'string',
        `if(${CALL_FAILED}, multiIf(r.error_type != '', r.error_type, r.status >= 400, toString(r.status), r.outcome), '')`,
        'Set when the status is Error: the API’s own word, the HTTP status, or how it ended.',
      ],
      [
        'server.address',
        'string',
        "if(r.host = '', r.server_ip, replaceRegexpOne(r.host, ':[0-9]+$', ''))",
        'Host that was asked.',
      ],
      ['server.port', 'int', 'nullIf(r.server_port, 0)', 'Its port.'],
      ['client.address', 'string', 'r.client_ip', 'Who asked.'],
      ['http.response.status_code', 'int', 'nullIf(r.status, 0)', 'HTTP status.'],
      [
        'openai.api.type',
        'string',
        "transform(r.dialect, ['openai.chat', 'openai.responses'], ['chat_completions', 'responses'], '')",
        'For OpenAI’s dialects.',
      ],
      ['openinference.span.kind', 'string', `if(${OPERATION} = 'embeddings', 'EMBEDDING', 'LLM')`, 'For Phoenix.'],
      ['llm.model_name', 'string', "if(r.model = '', r.requested_model, r.model)", 'For Phoenix.'],
      ['llm.token_count.prompt', 'int', 'r.input_tokens', 'For Phoenix.'],
      ['llm.token_count.completion', 'int', 'r.output_tokens', 'For Phoenix.'],
      ['bittern.call.id', 'string', 'r.call_id', 'Call: `calls.call_id`.'],
      ['bittern.call.kind', 'string', 'r.call_kind', 'main, subagent, or a side call: title, router, compaction …'],
      ['bittern.call.outcome', 'string', 'r.outcome', 'How it ended.'],
      ['bittern.call.completeness', 'string', 'r.completeness', 'How much the capture saw.'],
      ['bittern.call.missing_bytes', 'int', 'nullIf(r.missing_bytes, 0)', 'Bytes that it missed.'],
      ['bittern.client.name', 'string', 'r.client_name', 'Client program.'],
      ['bittern.client.version', 'string', 'r.client_version', 'Its version.'],
      ['bittern.request.id', 'string', 'r.request_id', '`x-request-id` and its like.'],
    ] as Row[]
  ).map(attribute),
  content(
    'gen_ai.input.messages',
    'string',
    message('user', textPart('r.prompt_preview')),
    'Beginning of the last thing that the user said.',
  ),
  content('gen_ai.output.messages', 'string', CALL_ANSWER, 'Beginning of the answer, and the tools that it asks for.'),
  content('input.value', 'string', 'r.prompt_preview', 'The first of these as text (Phoenix).'),
  // Langfuse takes this before the messages, so it must not say less.
  content(
    'output.value',
    'string',
    `if(r.answer_preview = '', ${CALL_ANSWER}, r.answer_preview)`,
    'The second as text; the message where it has none (Phoenix).',
  ),
];

const TOOL: readonly Attribute[] = [
  ...(
    [
      ['gen_ai.operation.name', 'string', "'execute_tool'", 'Operation.'],
      ['gen_ai.tool.name', 'string', 'r.tool_name', 'Tool.'],
      ['gen_ai.tool.call.id', 'string', 'r.tool_call_id', 'Id of the tool call.'],
      ['gen_ai.tool.type', 'string', "if(r.server_side, 'extension', 'function')", 'extension: run by the API itself.'],
      ...common('t.session_source'),
      ['error.type', 'string', "if(r.is_error, 'tool_error', '')", 'Set when the result is an error.'],
      ['openinference.span.kind', 'string', "'TOOL'", 'For Phoenix.'],
      ['tool.name', 'string', 'r.tool_name', 'For Phoenix.'],
      ['bittern.call.id', 'string', 'r.call_id', 'Call whose answer asked for it.'],
      ['bittern.tool.result_call.id', 'string', 'r.result_call_id', 'Call whose request showed the result.'],
      [
        'bittern.tool.result_seen',
        'bool',
        'isNotNull(r.result_seen)',
        'False: no result was seen, and the span has no length.',
      ],
      ['bittern.tool.mcp_server', 'string', 'r.mcp_server', 'MCP server.'],
      ['bittern.tool.arguments_hash', 'string', 'r.arguments_hash', 'Equal for equal arguments.'],
      ['bittern.subagent.thread.id', 'string', 'r.subagent_thread_id', 'Thread of the subagent that it started.'],
      ['bittern.subagent.session.id', 'string', 'r.subagent_session_id', 'Session of that subagent.'],
    ] as Row[]
  ).map(attribute),
  content('gen_ai.tool.call.arguments', 'string', 'r.arguments', 'Arguments, as the model wrote them.'),
  content('gen_ai.tool.call.result', 'string', 'r.result_preview', 'Beginning of the result.'),
  content('input.value', 'string', 'r.arguments', 'The arguments (Phoenix).'),
  content(
    'input.mime_type',
    'string',
    "if(isValidJSON(r.arguments), 'application/json', '')",
    'What they are (Phoenix).',
  ),
  content('output.value', 'string', 'r.result_preview', 'Beginning of the result (Phoenix).'),
];

export interface SpanMapping {
  /** Table of the rows, newest version each. */
  readonly from: string;
  readonly attributes: readonly Attribute[];
  readonly name: string;
  readonly kind: 'Client' | 'Internal';
  readonly start: string;
  readonly end: string;
  /** Condition for status Error, and its message; never text of the traffic. */
  readonly failed: string;
  readonly statusMessage: string;
  readonly service: string;
}

/** Who is watched, so that services are told apart as if they told of themselves. */
const service = (client: string): string =>
  `multiIf(r.agent_id != '', toString(r.agent_id), ${client} != '', toString(${client}), 'unknown_service')`;

export const SPAN_MAPPINGS: Readonly<Record<SpanKindName, SpanMapping>> = {
  turn: {
    from: 'turn_rows AS r FINAL',
    attributes: TURN,
    name: "if(r.agent_id = '', 'invoke_agent', concat('invoke_agent ', r.agent_id))",
    kind: 'Internal',
    start: 'r.started',
    end: 'r.ended',
    failed: TURN_FAILED,
    statusMessage: 'toString(r.outcome)',
    service: service('r.client_name'),
  },
  call: {
    from: 'calls AS r',
    attributes: CALL,
    name: `trimRight(concat(${OPERATION}, ' ', if(r.requested_model = '', r.model, r.requested_model)))`,
    kind: 'Client',
    start: 'r.request_start',
    end: 'coalesce(r.response_end, r.request_start + toIntervalMicrosecond(round(r.duration_ms * 1000)), r.first_token, r.first_byte, r.request_end, r.request_start)',
    failed: CALL_FAILED,
    statusMessage: 'toString(r.outcome)',
    service: service('r.client_name'),
  },
  tool: {
    from: 'tool_call_rows AS r FINAL',
    attributes: TOOL,
    name: "trimRight(concat('execute_tool ', r.tool_name))",
    kind: 'Internal',
    start: 'r.requested',
    end: 'coalesce(r.result_seen, r.requested)',
    failed: 'ifNull(r.is_error, false)',
    statusMessage: "'the result is an error'",
    service: service('t.client'),
  },
};

/** Type by key, for reading a row's `SpanAttributes`. */
export function attributeTypes(kind: SpanKindName): ReadonlyMap<string, AttributeType> {
  return new Map(SPAN_MAPPINGS[kind].attributes.map(({ key, type }) => [key, type]));
}
