/**
 * Spans in SQL, in the layout of the table that the collector's ClickHouse exporter makes. The view `otel_traces` and what is sent
 * over OTLP are the same SELECT, so that both have the same spans, ids and attributes.
 *
 * Ids come from what a span is of, so that sending it again is no new span:
 *
 *     trace    the application's own, when a request carried `traceparent`; else the turn's id; else (no turn) the call's id
 *     span     of a call: the first half of its id; of a turn or tool call: a hash
 *     parent   of a call: the span that its own request names, with a link to the turn; else its turn
 *              of a turn: the span that the first request with `traceparent` names; of a tool call: its turn, with a link to the call
 */
import { type Attribute, MAPPING_VERSION, SCOPE_NAME, SPAN_MAPPINGS, type SpanKindName } from './mapping.ts';

/** W3C Trace Context, section 3.2: version 00 has exactly four fields, a higher one may have more, ff is none; no id is all zero. */
const VALID_TRACEPARENT = (column: string): string =>
  `(match(${column}, '^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-|$)')
        AND NOT (startsWith(${column}, '00') AND length(${column}) != 55) AND NOT startsWith(${column}, 'ff')
        AND substring(${column}, 4, 32) != repeat('0', 32) AND substring(${column}, 37, 16) != repeat('0', 16))`;

const traceOf = (column: string): string => `substring(${column}, 4, 32)`;
const parentOf = (column: string): string => `substring(${column}, 37, 16)`;

const HEX_ID = "'^[0-9a-f]{32}$'";
const turnSpan = (id: string): string => `substring(lower(hex(SHA256(concat('turn ', ${id})))), 1, 16)`;
const ownTrace = (id: string): string =>
  `if(match(${id}, ${HEX_ID}), ${id}, substring(lower(hex(SHA256(concat('trace ', ${id})))), 1, 32))`;
const turnTrace = (id: string): string => `if(ifNull(t.trace, '') = '', ${ownTrace(id)}, t.trace)`;

/** What the calls of a turn tell of it. */
function turnContext(condition: string): string {
  const first = '(request_start, call_id)';
  const valid = VALID_TRACEPARENT('traceparent');
  return `(
    SELECT turn_id, argMin(toString(provider), ${first}) AS provider, argMin(toString(client_name), ${first}) AS client, argMin(toString(session_source), ${first}) AS session_source,
        argMinIf(${traceOf('traceparent')}, ${first}, ${valid}) AS trace, argMinIf(${parentOf('traceparent')}, ${first}, ${valid}) AS parent
    FROM calls WHERE turn_id != ''${condition} GROUP BY turn_id
)`;
}

/** Of turns that are part of an application's trace only: few or none, and cheap to find. */
function tracedTurns(condition: string): string {
  const first = '(request_start, call_id)';
  return `(
    SELECT turn_id, argMin(${traceOf('traceparent')}, ${first}) AS trace
    FROM calls WHERE turn_id != '' AND traceparent != '' AND ${VALID_TRACEPARENT('traceparent')}${condition} GROUP BY turn_id
)`;
}

function tracedCalls(condition: string): string {
  return `(
    SELECT call_id, ${traceOf('traceparent')} AS trace
    FROM calls WHERE traceparent != '' AND ${VALID_TRACEPARENT('traceparent')}${condition}
)`;
}

/** Arguments of the tools that calls asked for: text of the traffic. */
function askedTools(condition: string): string {
  return `(
    SELECT call_id, mapFromArrays(groupArray(position), groupArray(arguments)) AS asked
    FROM tool_call_rows FINAL WHERE arguments != ''${condition} GROUP BY call_id
)`;
}

interface Place {
  readonly trace: string;
  readonly span: string;
  readonly parent: string;
  readonly joins: (turns: string, calls: string, content: boolean) => string;
  /** Trace and span that it is linked to, and when. */
  readonly link: { readonly when: string; readonly trace: string; readonly span: string } | null;
}

const TURN_JOIN = 'ON r.turn_id = t.turn_id';
const OWN = VALID_TRACEPARENT('r.traceparent');

const PLACES: Readonly<Record<SpanKindName, Place>> = {
  turn: {
    trace: turnTrace('r.turn_id'),
    span: turnSpan('r.turn_id'),
    parent: "ifNull(t.parent, '')",
    joins: (turns) => `LEFT JOIN ${turnContext(turns)} AS t ${TURN_JOIN}`,
    link: null,
  },
  call: {
    trace: `multiIf(${OWN}, ${traceOf('r.traceparent')}, r.turn_id = '', r.call_id, ${turnTrace('r.turn_id')})`,
    span: 'substring(r.call_id, 1, 16)',
    parent: `multiIf(${OWN}, ${parentOf('r.traceparent')}, r.turn_id = '', '', ${turnSpan('r.turn_id')})`,
    joins: (turns, calls, content) =>
      `LEFT JOIN ${tracedTurns(turns)} AS t ${TURN_JOIN}${content ? `\nLEFT JOIN ${askedTools(calls)} AS a ON r.call_id = a.call_id` : ''}`,
    link: { when: `r.turn_id != '' AND ${OWN}`, trace: turnTrace('r.turn_id'), span: turnSpan('r.turn_id') },
  },
  tool: {
    trace: `if(r.turn_id = '', ${ownTrace('r.call_id')}, ${turnTrace('r.turn_id')})`,
    span: "substring(lower(hex(SHA256(concat('tool ', r.call_id, ':', toString(r.position))))), 1, 16)",
    parent: `if(r.turn_id = '', substring(r.call_id, 1, 16), ${turnSpan('r.turn_id')})`,
    joins: (turns, calls) =>
      `LEFT JOIN ${turnContext(turns)} AS t ${TURN_JOIN}\nLEFT JOIN ${tracedCalls(calls)} AS c ON r.call_id = c.call_id`,
    link: {
      when: 'true',
      trace: `multiIf(ifNull(c.trace, '') != '', c.trace, r.turn_id = '', r.call_id, ${turnTrace('r.turn_id')})`,
      span: 'substring(r.call_id, 1, 16)',
    },
  },
};

/** As the collector's exporter writes values: lists as JSON. */
function asText({ type, sql }: Attribute): string {
  switch (type) {
    case 'strings':
      return `if(empty(${sql}), '', toJSONString(${sql}))`;
    case 'string':
      return `toString(ifNull(${sql}, ''))`;
    case 'bool':
      return `ifNull(toString(toBool(${sql})), '')`;
    default:
      return `ifNull(toString(${sql}), '')`;
  }
}

const ATTRIBUTE_MAP = 'Map(LowCardinality(String), String)';

export interface SpanSelection {
  readonly where: string;
  /** Conditions that narrow the calls which tell of the turns, and the calls that are linked to or asked for tools; begin with ` AND `. */
  readonly turns: string;
  readonly calls: string;
  readonly content: boolean;
  /** Columns before those of the table. */
  readonly extra?: string;
}

export const ALL_SPANS: SpanSelection = { where: '', turns: '', calls: '', content: false };

/** SELECT of the spans of one kind. */
export function spanSelect(kind: SpanKindName, selection: SpanSelection): string {
  const { from, attributes, name, kind: spanKind, start, end, failed, statusMessage, service } = SPAN_MAPPINGS[kind];
  const { trace, span, parent, joins, link } = PLACES[kind];
  const pairs = attributes
    .filter((each) => selection.content || each.content !== true)
    .map((each) => `        '${each.key}', ${asText(each)}`);
  const list = (type: string, value: string): string =>
    link === null ? `CAST([], 'Array(${type})')` : `CAST(if(${link.when}, [${value}], []), 'Array(${type})')`;
  return `SELECT ${selection.extra ?? ''}
    CAST(${start}, 'DateTime64(9)') AS Timestamp,
    ${trace} AS TraceId,
    ${span} AS SpanId,
    ${parent} AS ParentSpanId,
    '' AS TraceState,
    CAST(${name}, 'LowCardinality(String)') AS SpanName,
    CAST('${spanKind}', 'LowCardinality(String)') AS SpanKind,
    CAST(${service}, 'LowCardinality(String)') AS ServiceName,
    CAST(map('service.name', ${service}), '${ATTRIBUTE_MAP}') AS ResourceAttributes,
    '${SCOPE_NAME}' AS ScopeName,
    '${MAPPING_VERSION}' AS ScopeVersion,
    CAST(mapFilter((k, v) -> v != '', map(
${pairs.join(',\n')})), '${ATTRIBUTE_MAP}') AS SpanAttributes,
    toUInt64(greatest(dateDiff('microsecond', ${start}, ${end}), 0)) * 1000 AS Duration,
    CAST(if(${failed}, 'Error', 'Unset'), 'LowCardinality(String)') AS StatusCode,
    if(${failed}, ${statusMessage}, '') AS StatusMessage,
    CAST([], 'Array(DateTime64(9))') AS \`Events.Timestamp\`,
    CAST([], 'Array(LowCardinality(String))') AS \`Events.Name\`,
    CAST([], 'Array(${ATTRIBUTE_MAP})') AS \`Events.Attributes\`,
    ${list('String', link?.trace ?? '')} AS \`Links.TraceId\`,
    ${list('String', link?.span ?? '')} AS \`Links.SpanId\`,
    ${list('String', "''")} AS \`Links.TraceState\`,
    ${list(ATTRIBUTE_MAP, 'map()')} AS \`Links.Attributes\`
FROM ${from}
${joins(selection.turns, selection.calls, selection.content)}${selection.where === '' ? '' : `\nWHERE ${selection.where}`}`;
}

/** Findings `r`, with the span of the turn that each belongs to. */
export function findingSelect(where: string): string {
  const turns = ` AND turn_id IN (SELECT r.turn_id FROM finding_rows AS r WHERE ${where})`;
  return `SELECT r.* EXCEPT (stored, version), toString(r.version) AS version, concat(toString(toUnixTimestamp64Micro(r.last_seen)), '000') AS nanos,
    if(r.turn_id = '', '', ${turnTrace('r.turn_id')}) AS TraceId, if(r.turn_id = '', '', ${turnSpan('r.turn_id')}) AS SpanId
FROM finding_rows AS r FINAL LEFT JOIN ${tracedTurns(turns)} AS t ${TURN_JOIN}
WHERE ${where}`;
}

const COMMENTS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  otel_traces: {
    Timestamp: 'Start of the span.',
    TraceId: "Trace, 32 hex digits: the application's own where a request carried traceparent, else the turn's id.",
    SpanId: 'Span, 16 hex digits.',
    ParentSpanId: 'Its parent; empty: none.',
    TraceState: 'Empty.',
    SpanName: 'invoke_agent AGENT (turn), chat MODEL and its like (call), execute_tool TOOL.',
    SpanKind: 'Client (calls) or Internal.',
    ServiceName: 'Agent, else client program.',
    ResourceAttributes: 'service.name.',
    ScopeName: 'bittern.',
    ScopeVersion: 'Version of the mapping.',
    SpanAttributes: 'Attributes by the GenAI semantic conventions: docs/opentelemetry.md.',
    Duration: 'Nanoseconds.',
    StatusCode: 'Error or Unset.',
    StatusMessage: 'How it ended, for Error.',
    'Events.Timestamp': 'None.',
    'Events.Name': 'None.',
    'Events.Attributes': 'None.',
    'Links.TraceId': 'Of a call in the trace of an application: its turn. Of a tool call: the call that asked for it.',
    'Links.SpanId': 'The span there.',
    'Links.TraceState': 'Empty.',
    'Links.Attributes': 'Empty.',
  },
  otel_traces_trace_id_ts: { TraceId: 'Trace.', Start: 'Start of its first span.', End: 'Start of its last span.' },
};

function comments(view: string): string {
  const lines = Object.entries(COMMENTS[view] ?? {}).map(
    ([column, comment]) => `    COMMENT COLUMN \`${column}\` '${comment.replaceAll("'", "''")}'`,
  );
  return `ALTER TABLE ${view}\n${lines.join(',\n')};`;
}

/** Migration 0014: `node services/otlp/span-sql.ts > schemas/clickhouse/0014-otel-traces.sql`, until it is released. */
export function tracesMigration(): string {
  const kinds = Object.keys(SPAN_MAPPINGS) as SpanKindName[];
  return `-- Made by services/otlp/span-sql.ts: the spans of the view are those that are sent over OTLP (docs/decisions/0017).
CREATE OR REPLACE VIEW otel_traces AS
${kinds.map((kind) => spanSelect(kind, ALL_SPANS)).join('\nUNION ALL\n')}
COMMENT 'Turns, calls and tool calls as spans, in the layout of the table that the OpenTelemetry Collector''s ClickHouse exporter makes';

CREATE OR REPLACE VIEW otel_traces_trace_id_ts AS
SELECT TraceId, toDateTime(min(Timestamp)) AS Start, toDateTime(max(Timestamp)) AS End FROM otel_traces GROUP BY TraceId
COMMENT 'From when to when each trace lasts';

${Object.keys(COMMENTS).map(comments).join('\n\n')}
`;
}

if (import.meta.main) process.stdout.write(tracesMigration());
