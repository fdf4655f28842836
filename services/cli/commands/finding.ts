import type { Finding } from '../../../schemas/story.ts';
import { type Delivery, deliveriesOf } from '../../clickhouse/alert-deliveries.ts';
import { getFinding } from '../../clickhouse/findings.ts';
import { ask } from '../../clickhouse/queries.ts';
import type { Store } from '../../clickhouse/store.ts';
import { type CommandBody, EXIT, usageError } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';
import { formatTime } from '../summary.ts';
import { printable, renderTable } from '../terminal/table.ts';
import { formatCount, formatMs, formatUsd } from '../terminal/units.ts';

/** A call of the evidence. */
interface EvidenceCall {
  readonly callId: string;
  readonly time: number;
  readonly model: string;
  readonly outcome: string;
  readonly durationMs: number | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly costUsd: number | null;
  readonly tools: readonly string[];
}

function evidenceOf(store: Store, finding: Finding): Promise<EvidenceCall[]> {
  return ask<EvidenceCall>(
    store,
    `SELECT call_id AS callId, toUnixTimestamp64Micro(request_start) AS time, if(model = '', requested_model, model) AS model,
       outcome, duration_ms AS durationMs, input_tokens AS inputTokens, output_tokens AS outputTokens, cost_usd AS costUsd,
       tool_names AS tools
     FROM calls WHERE call_id IN {ids:Array(String)} ORDER BY request_start, call_id`,
    { ids: finding.callIds },
  );
}

function facts(finding: Finding): (readonly [string, string])[] {
  const wasted = `${formatCount(finding.wastedCalls)} calls, ${formatCount(finding.wastedTokens)} tokens, ${formatUsd(finding.wastedCostUsd)}`;
  const end = finding.resolvedAt === null ? '' : `, over since ${formatTime(finding.resolvedAt)} UTC`;
  return [
    ['finding', finding.findingId],
    ['kind', finding.kind === 'rule' ? `rule ${finding.rule}` : finding.kind],
    ['level', finding.level],
    ['state', `${finding.state}${end}`],
    ['what', finding.summary],
    ['times', formatCount(finding.occurrences)],
    ['seen', `${formatTime(finding.firstSeen)} to ${formatTime(finding.lastSeen)} UTC`],
    ['wasted', wasted],
    ['agent', finding.agentId],
    ['user', finding.userId],
    ['team', finding.teamId],
    ['session', finding.sessionId],
    ['thread', finding.threadId],
    ['turn', finding.turnId],
    ['tool', finding.toolName],
    ...Object.entries(finding.labels).map(([name, value]) => [name, value] as const),
  ];
}

function render(finding: Finding, calls: readonly EvidenceCall[], deliveries: readonly Delivery[]): string {
  const known = facts(finding).filter(([, value]) => value !== '');
  const width = Math.min(28, Math.max(...known.map(([name]) => name.length)) + 2);
  const lines = known.map(([name, value]) => `${printable(name).padEnd(width)}${printable(value)}`);
  if (finding.callIds.length > 0) lines.push('', `Evidence (${formatCount(finding.callIds.length)} calls):`);
  const table = renderTable(calls, [
    { title: 'TIME (UTC)', value: (row) => formatTime(row.time) },
    { title: 'CALL', value: (row) => row.callId.slice(0, 12) },
    { title: 'MODEL', value: (row) => row.model || '–', widthMax: 28 },
    { title: 'OUTCOME', value: (row) => row.outcome },
    { title: 'TOOK', value: (row) => formatMs(row.durationMs), align: 'right' },
    { title: 'IN', value: (row) => formatCount(row.inputTokens), align: 'right' },
    { title: 'OUT', value: (row) => formatCount(row.outputTokens), align: 'right' },
    { title: 'COST', value: (row) => formatUsd(row.costUsd), align: 'right' },
    { title: 'TOOLS', value: (row) => row.tools.join(' '), widthMax: 40 },
  ]);
  if (table !== '') lines.push(table);
  else if (finding.callIds.length > 0) lines.push('(these calls are not stored, or no longer)');
  if (deliveries.length > 0) lines.push('', 'Told:', ...deliveries.map(deliveryLine));
  return lines.join('\n');
}

function deliveryLine({ receiver, status, toldState, toldLevel, toldAt, attempts, problem }: Delivery): string {
  const told = toldAt === 0 ? 'nothing yet' : `${toldState} at level ${toldLevel}, ${formatTime(toldAt * 1000)} UTC`;
  return printable(
    `  ${receiver}: ${status}; ${told}${attempts > 0 ? `; ${attempts} failed attempts: ${problem}` : ''}`,
  );
}

export const finding: CommandBody = {
  usage: 'ID [options]',
  details: 'What was seen, what it cost, the calls that show it, and who was told. The id may be shortened.',
  options: {},
  examples: [['bittern finding 3f2a9c', 'one finding, by the beginning of its id']],
  positionals: { min: 1, max: 1 },
  run: async ({ args, loaded, json, print, note }) => {
    const given = (args.positionals[0] ?? '').toLowerCase();
    if (!/^[0-9a-f]{4,64}$/.test(given))
      throw usageError(`'${given}' is not a finding's id (at least 4 hex digits); take one from 'bittern findings'.`);
    const store = await openConfiguredStore(loaded.config);
    try {
      const found = await getFinding(store, given);
      if (found === null) {
        note(`bittern: there is no finding '${given}', or there are several; 'bittern findings' lists them.`);
        return EXIT.notFound;
      }
      const calls = await evidenceOf(store, found);
      const deliveries = await deliveriesOf(store, [found.findingId]);
      print(json ? JSON.stringify({ ...found, calls, deliveries }) : render(found, calls, deliveries));
      return EXIT.ok;
    } finally {
      await store.close();
    }
  },
};
