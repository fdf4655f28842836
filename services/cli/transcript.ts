/** A session as a person reads it: turn by turn, what was asked, what the agent tried, what came back. */
import type { Finding, ToolCall, Turn } from '../../schemas/story.ts';
import type { ListedCall } from '../clickhouse/queries.ts';
import type { StoredSession } from '../clickhouse/story-queries.ts';
import { formatTime } from './summary.ts';
import { printable } from './terminal/table.ts';
import { formatCount, formatMs, formatUsd } from './terminal/units.ts';

const TEXT_SHOWN = 160;

function short(text: string): string {
  const line = printable(text.replace(/\s+/g, ' ').trim());
  return line.length <= TEXT_SHOWN ? line : `${line.slice(0, TEXT_SHOWN)} …`;
}

function head({ session, children }: StoredSession): string[] {
  const side = session.sideCalls > 0 ? `, ${formatCount(session.sideCalls)} side calls` : '';
  const retries = session.retries > 0 ? `, ${formatCount(session.retries)} retries` : '';
  const subagents =
    session.subagents > 0
      ? `, ${formatCount(session.subagents)} subagents (${formatCount(session.subagentCalls)} calls)`
      : '';
  const cost = `${formatUsd(session.costUsd)}${session.costComplete ? '' : ' or more: the price of a call is not known'}`;
  const lines: [string, string][] = [
    ['session', `${session.sessionId} (from ${session.sessionSource || 'nothing'})`],
    ['agent', session.agentId && `${session.agentId} (from ${session.identitySource})`],
    ['client', session.clientName],
    ['user', session.userId],
    ['team', session.teamId],
    ['time', `${formatTime(session.started)} UTC, lasted ${formatMs((session.ended - session.started) / 1000)}`],
    ['calls', `${formatCount(session.calls)} in ${formatCount(session.turns)} turns${retries}${side}${subagents}`],
    ['tools', `${formatCount(session.toolCalls)} calls, ${formatCount(session.toolErrors)} errors`],
    [
      'tokens',
      `${formatCount(session.inputTokens)} in (${formatCount(session.cacheReadTokens)} from cache), ${formatCount(session.outputTokens)} out`,
    ],
    ['cost', cost],
    ['models', session.models.join(' ')],
    ['parent', session.parentSessionId],
    ['children', children.join(' ')],
    [
      'note',
      session.ambiguous ? 'calls overlap: several agents may be in it that nothing in the traffic tells apart' : '',
    ],
  ];
  return lines.filter(([, value]) => value !== '').map(([name, value]) => `${name.padEnd(10)}${printable(value)}`);
}

function toolLines(tool: ToolCall, indent: string): string[] {
  const state = tool.isError === null ? 'no result seen' : tool.isError ? 'ERROR' : 'ok';
  const took = tool.durationMs === null ? '' : ` after ${formatMs(tool.durationMs)}`;
  const subagent = tool.subagentThreadId === '' ? '' : ` [subagent ${tool.subagentThreadId.slice(0, 8)}]`;
  const lines = [`${indent}→ ${printable(tool.toolName)} ${short(tool.arguments)}${subagent}`];
  lines.push(`${indent}  ${state}${took}${tool.resultPreview === '' ? '' : `: ${short(tool.resultPreview)}`}`);
  return lines;
}

function callLines(call: ListedCall, tools: readonly ToolCall[]): string[] {
  const who =
    call.callKind === 'main'
      ? ''
      : `${call.callKind}${call.callKind === 'subagent' ? ` ${call.threadId.slice(0, 8)}` : ''} `;
  const indent = call.callKind === 'main' ? '    ' : '        ';
  const failed =
    call.outcome === 'ok' ? '' : ` ${call.outcome}${call.errorType === '' ? '' : ` (${printable(call.errorType)})`}`;
  const facts = `${printable(call.model || call.requestedModel)}, ${formatMs(call.durationMs)}, ${formatCount(call.inputTokens)} in, ${formatCount(call.outputTokens)} out, ${formatUsd(call.costUsd)}`;
  const lines = [`${indent}${formatTime(call.time).slice(11)} ${who}${call.callId.slice(0, 12)}${failed} (${facts})`];
  if (call.answerPreview !== '') lines.push(`${indent}  ${short(call.answerPreview)}`);
  for (const tool of tools) lines.push(...toolLines(tool, `${indent}  `));
  return lines;
}

function turnLines(turn: Turn, calls: readonly ListedCall[], tools: ReadonlyMap<string, ToolCall[]>): string[] {
  const lines = [
    '',
    `Turn ${turn.ordinal}: ${turn.outcome}, ${formatMs((turn.ended - turn.started) / 1000)}, ${formatUsd(turn.costUsd)}`,
  ];
  if (turn.promptPreview !== '') lines.push(`  Asked: ${short(turn.promptPreview)}`);
  for (const call of calls) lines.push(...callLines(call, tools.get(call.callId) ?? []));
  return lines;
}

function findingLine(finding: Finding): string {
  const waste = `${formatCount(finding.wastedCalls)} calls, ${formatCount(finding.wastedTokens)} tokens, ${formatUsd(finding.wastedCostUsd)} wasted`;
  return `  ${finding.level.toUpperCase()} ${finding.kind} (${finding.state}): ${printable(finding.summary)}; ${waste}`;
}

export function transcript(stored: StoredSession): string {
  const tools = Map.groupBy(stored.toolCalls, (tool) => tool.callId as string);
  const calls = Map.groupBy(stored.calls, (call) => call.turnId);
  const known = new Set(stored.turns.map(({ turnId }) => turnId));
  const lines = head(stored);
  if (stored.findings.length > 0) lines.push('', 'Findings:', ...stored.findings.map(findingLine));
  for (const turn of stored.turns) lines.push(...turnLines(turn, calls.get(turn.turnId) ?? [], tools));
  const outside = stored.calls.filter((call) => !known.has(call.turnId));
  if (outside.length > 0) {
    lines.push('', stored.turns.length === 0 ? 'Calls:' : 'Outside of any turn:');
    for (const call of outside) lines.push(...callLines(call, tools.get(call.callId) ?? []));
  }
  if (stored.more) lines.push('', 'There is more of it: ask in SQL (tables turns, calls, tool_calls).');
  return lines.join('\n');
}
