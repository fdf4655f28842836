/** Findings as log events. */
import { type AnyValue, byResource, type KeyValue, resourceOf, SCOPE, stringValue } from './encode.ts';
import type { FindingRow } from './reader.ts';

export const FINDING_EVENT = 'bittern.finding';

/** Data model of logs, "Severity Fields": INFO, WARN, ERROR. */
const SEVERITY: Readonly<Record<string, readonly [number, string]>> = {
  note: [9, 'INFO'],
  alert: [13, 'WARN'],
  critical: [17, 'ERROR'],
};

const whole = (value: number | string): AnyValue => ({ intValue: String(value) });
const text = (value: string): AnyValue | null => (value === '' ? null : stringValue(value));

interface FindingAttribute {
  readonly key: string;
  readonly of: (row: FindingRow) => AnyValue | null;
  readonly meaning: string;
}

/** The list that docs/opentelemetry.md shows. */
export const FINDING_ATTRIBUTES: readonly FindingAttribute[] = [
  {
    key: 'log.record.uid',
    of: (row) => stringValue(`${row.finding_id}-${row.version}`),
    meaning: 'Equal when the same state of the same finding is sent again.',
  },
  { key: 'bittern.finding.id', of: (row) => stringValue(row.finding_id), meaning: 'Finding: `findings.finding_id`.' },
  { key: 'bittern.finding.kind', of: (row) => stringValue(row.kind), meaning: 'Detector.' },
  { key: 'bittern.finding.rule', of: (row) => text(row.rule), meaning: 'Rule in SQL, or the detector.' },
  { key: 'bittern.finding.level', of: (row) => stringValue(row.level), meaning: 'note, alert, critical.' },
  { key: 'bittern.finding.state', of: (row) => stringValue(row.state), meaning: 'open or resolved.' },
  { key: 'bittern.finding.occurrences', of: (row) => whole(row.occurrences), meaning: 'How often it happened.' },
  { key: 'bittern.finding.wasted_calls', of: (row) => whole(row.wasted_calls), meaning: 'Calls beyond the first.' },
  { key: 'bittern.finding.wasted_tokens', of: (row) => whole(row.wasted_tokens), meaning: 'Their tokens.' },
  {
    key: 'bittern.finding.wasted_cost_usd',
    of: (row) => ({ doubleValue: Number(row.wasted_cost_usd) }),
    meaning: 'Their price.',
  },
  { key: 'session.id', of: (row) => text(row.session_id), meaning: 'Session.' },
  { key: 'gen_ai.agent.id', of: (row) => text(row.agent_id), meaning: 'Agent.' },
  { key: 'gen_ai.tool.name', of: (row) => text(row.tool_name), meaning: 'Tool, or tools of a cycle.' },
  { key: 'user.id', of: (row) => text(row.user_id), meaning: 'User.' },
  { key: 'bittern.team.id', of: (row) => text(row.team_id), meaning: 'Team.' },
  { key: 'bittern.turn.id', of: (row) => text(row.turn_id), meaning: 'Turn of the newest occurrence.' },
];

function recordOf(row: FindingRow): object {
  const [severityNumber, severityText] = SEVERITY[row.level] ?? [9, 'INFO'];
  const attributes = FINDING_ATTRIBUTES.flatMap(({ key, of }): KeyValue[] => {
    const value = of(row);
    return value === null ? [] : [{ key, value }];
  });
  return {
    timeUnixNano: row.nanos,
    // When it was evaluated.
    observedTimeUnixNano: `${row.version}000`,
    severityNumber,
    severityText,
    eventName: FINDING_EVENT,
    // A sentence of ours, without content of the traffic.
    body: stringValue(row.summary),
    attributes,
    ...(row.TraceId === '' ? {} : { traceId: row.TraceId, spanId: row.SpanId }),
  };
}

/** Body of a request to /v1/logs. */
export function encodeFindings(rows: readonly FindingRow[]): object {
  const groups = byResource(rows, ({ agent_id: agent }) => agent || 'unknown_service');
  return {
    resourceLogs: groups.map(([service, findings]) => ({
      resource: resourceOf(service),
      scopeLogs: [{ scope: SCOPE, logRecords: findings.map(recordOf) }],
    })),
  };
}
