/** The readable summary of what is stored: who called what, how it went, what the capture missed. */
import type { Health, Summary } from '../clickhouse/summary.ts';
import { renderTable } from './terminal/table.ts';
import { formatBytes, formatCount, formatMs, formatUsd } from './terminal/units.ts';

const GROUPS_SHOWN = 12;
/** Reasons that are no losses: bytes that are not for Bittern. */
export const UNWANTED: ReadonlySet<string> = new Set(['not_http', 'other_protocol']);

function span(fromMicros: number | null, toMicros: number | null): string {
  if (fromMicros === null || toMicros === null) return '';
  return `${formatTime(fromMicros)} to ${formatTime(toMicros)} UTC`;
}

/** `2026-11-23 09:30:00.123` */
export function formatTime(micros: number): string {
  return new Date(micros / 1000).toISOString().replace('T', ' ').replace('Z', '');
}

function callTables(summary: Summary): string[] {
  const agents = renderTable(summary.byAgent.slice(0, GROUPS_SHOWN), [
    { title: 'AGENT', value: (row) => row.name || '(not told)', widthMax: 28 },
    { title: 'CALLS', value: (row) => formatCount(row.calls), align: 'right' },
    { title: 'SESSIONS', value: (row) => formatCount(row.sessions), align: 'right' },
    { title: 'NOT OK', value: (row) => formatCount(row.notOk), align: 'right' },
    { title: 'TOKENS IN', value: (row) => formatCount(row.inputTokens), align: 'right' },
    { title: 'OUT', value: (row) => formatCount(row.outputTokens), align: 'right' },
    { title: 'COST', value: (row) => formatUsd(row.costUsd), align: 'right' },
  ]);
  const models = renderTable(summary.byModel.slice(0, GROUPS_SHOWN), [
    { title: 'MODEL', value: (row) => row.name || '(no answer)', widthMax: 34 },
    { title: 'CALLS', value: (row) => formatCount(row.calls), align: 'right' },
    { title: 'FIRST TOKEN P50', value: (row) => formatMs(row.ttftP50Ms), align: 'right' },
    { title: 'P95', value: (row) => formatMs(row.ttftP95Ms), align: 'right' },
    { title: 'DURATION P50', value: (row) => formatMs(row.durationP50Ms), align: 'right' },
    { title: 'P95', value: (row) => formatMs(row.durationP95Ms), align: 'right' },
  ]);
  return [agents, models];
}

function counted(groups: readonly { readonly name: string; readonly calls: number }[]): string {
  return groups.map((group) => `${group.name || '(none)'} ${formatCount(group.calls)}`).join(', ');
}

/** What the capture missed, or that it missed nothing. */
export function healthLines(health: Health): string[] {
  const lines = [
    `Capture: ${formatCount(health.packets)} packets (${formatBytes(health.bytes)}), ${formatCount(health.connections)} connections.`,
  ];
  const lost = health.losses.filter((loss) => !UNWANTED.has(loss.reason));
  const unwanted = health.losses.filter((loss) => UNWANTED.has(loss.reason));
  if (lost.length === 0) lines.push('Missed: nothing.');
  for (const loss of lost) {
    lines.push(
      `Missed: ${formatBytes(loss.bytes)} in ${formatCount(loss.packets)} packets: ${loss.reason} (${loss.stage}, probe ${loss.probe}).`,
    );
  }
  for (const loss of unwanted) lines.push(`Not for Bittern (${loss.reason}): ${formatBytes(loss.bytes)}.`);
  if (health.deadLetters > 0)
    lines.push(
      `Dead letters: ${formatCount(health.deadLetters)} rows that ClickHouse refused; see the table dead_letters.`,
    );
  for (const { source, note } of health.notes) lines.push(`Note: ${source}: ${note}`);
  return lines;
}

export function renderSummary(summary: Summary): string {
  const { totals } = summary;
  const lines = [
    `${formatCount(totals.calls)} LLM calls by ${formatCount(totals.agents)} named agents in ${formatCount(totals.sessions)} sessions, and ${formatCount(summary.exchanges)} other HTTP exchanges. ${span(totals.from, totals.to)}`.trimEnd(),
    '',
  ];
  if (totals.calls > 0) {
    for (const table of callTables(summary)) lines.push(table, '');
    lines.push(`APIs: ${counted(summary.byDialect)}`, `Outcomes: ${counted(summary.byOutcome)}`);
    if (summary.tools.length > 0) {
      const tools = summary.tools.slice(0, GROUPS_SHOWN).map((tool) => `${tool.name} ${formatCount(tool.toolCalls)}`);
      lines.push(`Tool calls: ${tools.join(', ')}`);
    }
    lines.push(
      `Seen in part: ${formatCount(totals.incomplete)} calls${totals.missingBytes > 0 ? `, ${formatBytes(totals.missingBytes)} missing` : ''}`,
      '',
    );
  }
  lines.push(...healthLines(summary.health));
  return lines.join('\n');
}
