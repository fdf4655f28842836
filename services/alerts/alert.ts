/** A finding as the people see it who are told: with the names of the agent registry, and labels to route, group and silence by. */
import type { Finding } from '../../schemas/story.ts';
import type { AgentEntry } from '../clickhouse/agents.ts';
import type { VersionedFinding } from '../clickhouse/findings.ts';
import { ALERT_DEFAULTS } from './defaults.ts';
import type { Labels } from './matcher.ts';

export interface Alert {
  readonly finding: Finding;
  /** Of the finding: µs of the evaluation that it is from. */
  readonly version: number;
  /** All of them, those that change included. Never content of the traffic. */
  readonly labels: Labels;
  /** Those that stay the same as long as the alert lasts, apart from `level`: its identity for systems that go by labels. */
  readonly identity: Labels;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a message
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** One line of bounded length: names come from the watched traffic. */
export function oneLine(text: string, charsMax: number = ALERT_DEFAULTS.textCharsMax): string {
  const line = text.replace(CONTROL, ' ').toWellFormed();
  return line.length <= charsMax ? line : `${line.slice(0, charsMax - 1).toWellFormed()}…`;
}

/**
 * What identifies a rule's finding is in its fingerprint as JSON; a detector's measures are no identity.
 * Both are our own writing, yet are read from a table.
 */
function fingerprintLabels(finding: Finding): Labels {
  if (finding.kind !== 'rule') return {};
  try {
    const { labels } = JSON.parse(finding.fingerprint) as { labels?: unknown };
    if (typeof labels !== 'object' || labels === null) return {};
    return Object.fromEntries(Object.entries(labels).filter(([, value]) => typeof value === 'string'));
  } catch {
    return {};
  }
}

function clean(labels: Labels): Labels {
  const entries = Object.entries(labels).filter(([name, value]) => value !== '' && name !== '__proto__');
  return Object.fromEntries(entries.map(([name, value]) => [oneLine(name, 100), oneLine(value)]));
}

export function alertOf({ finding, version }: VersionedFinding, entry: AgentEntry | undefined): Alert {
  const known = {
    alertname: finding.rule || finding.kind,
    kind: finding.kind,
    rule: finding.rule,
    level: finding.level,
    agent: entry?.name || finding.agentId,
    agent_id: finding.agentId,
    team: entry?.team || finding.teamId,
    owner: entry?.owner ?? '',
    environment: entry?.environment ?? '',
    user: finding.userId,
    session: finding.sessionId,
    tool: finding.toolName,
    finding: finding.findingId,
  };
  return {
    finding,
    version,
    // What is known wins over a column of a rule that has the same name.
    labels: clean({ ...finding.labels, ...known }),
    identity: clean({ ...fingerprintLabels(finding), ...known }),
  };
}
