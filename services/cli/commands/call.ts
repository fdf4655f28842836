import { type NextHop, nextHops } from '../../clickhouse/hop-queries.ts';
import { ask, getCall, joinRequest, type StoredCall } from '../../clickhouse/queries.ts';
import type { Store } from '../../clickhouse/store.ts';
import type { Change, Difference, Direction } from '../../hops/difference.ts';
import { headersOf } from '../../privacy/headers/header-keeper.ts';
import { type CommandBody, EXIT, usageError } from '../command.ts';
import { openConfiguredStore } from '../runtime.ts';
import { formatTime } from '../summary.ts';
import { printable } from '../terminal/table.ts';
import { formatBytes, formatCount, formatMs, formatUsd } from '../terminal/units.ts';

const ID_LENGTH = 32;
const TEXT_SHOWN = 2000;

/** An id may be shortened to a beginning that only one call has. */
async function fullId(store: Store, given: string): Promise<string | null> {
  if (!/^[0-9a-f]{4,32}$/.test(given))
    throw usageError(`'${given}' is not a call id (4 to 32 hex digits); take one from 'bittern calls'.`);
  if (given.length === ID_LENGTH) return given;
  const rows = await ask<{ id: string }>(
    store,
    'SELECT call_id AS id FROM calls WHERE startsWith(call_id, {given:String}) LIMIT 2',
    { given },
  );
  if (rows.length > 1) throw usageError(`More than one call begins with '${given}'; give more digits.`);
  return rows[0]?.id ?? null;
}

function shorten(text: string): string {
  return text.length <= TEXT_SHOWN
    ? text
    : `${text.slice(0, TEXT_SHOWN)} … (${formatCount(text.length)} characters; all of it with --json)`;
}

function facts({ call }: StoredCall): (readonly [string, string])[] {
  const tokens = `${formatCount(call.inputTokens)} in (${formatCount(call.cacheReadTokens)} from cache, ${formatCount(call.cacheWriteTokens)} to cache), ${formatCount(call.outputTokens)} out (${formatCount(call.reasoningTokens)} reasoning), ${call.usageSource}`;
  const times = [
    `took ${formatMs(call.durationMs)}`,
    call.streaming ? `first token after ${formatMs(call.ttftMs)}` : `first byte after ${formatMs(call.ttfbMs)}`,
    ...(call.tokenGapMaxMs === null ? [] : [`longest stall ${formatMs(call.tokenGapMaxMs)}`]),
    ...(call.outputTokensPerSecond === null ? [] : [`${call.outputTokensPerSecond.toFixed(1)} tokens/s`]),
  ];
  const error = [call.errorType, call.errorMessage].filter(Boolean).join(': ');
  const missing = call.missingBytes > 0 ? `, ${formatBytes(call.missingBytes)} missing` : '';
  return [
    ['call', call.callId],
    ['time', call.requestStart === null ? '– (the request was not seen)' : `${formatTime(call.requestStart)} UTC`],
    ['agent', call.agentId && `${call.agentId} (from ${call.identitySource})`],
    ['session', call.sessionId && `${call.sessionId} (from ${call.sessionSource})`],
    ['turn', call.turnId],
    ['kind', call.callKind],
    ['user', call.userId],
    ['team', call.teamId],
    ['client', [call.clientName, call.clientVersion].filter(Boolean).join(' ') + (call.sdk ? ` (${call.sdk})` : '')],
    ['credential', call.credential],
    ['api', `${call.dialect}${call.streaming ? ', streaming' : ''} (${call.provider || 'provider unknown'})`],
    [
      'model',
      call.model === call.requestedModel || call.model === ''
        ? call.requestedModel
        : `${call.model} (asked for ${call.requestedModel || '–'})`,
    ],
    [
      'outcome',
      [
        call.outcome,
        call.status > 0 ? `HTTP ${call.status}` : '',
        call.finishReason && `finish: ${call.finishReason}`,
        error,
      ]
        .filter(Boolean)
        .join(', '),
    ],
    ['capture', `${call.completeness}${missing}`],
    ['times', times.join(', ')],
    ['tokens', tokens],
    ['cost', formatUsd(call.costUsd)],
    ['bytes', `${formatBytes(call.requestBytes)} request, ${formatBytes(call.responseBytes)} response`],
    ['from', `${call.clientIp}:${call.clientPort} to ${call.serverIp}:${call.serverPort} (${call.host || 'no host'})`],
    [
      'request',
      `${call.method} ${call.path}, ${formatCount(call.messageCount)} messages, ${formatCount(call.offeredTools.length)} tools offered`,
    ],
    ['request id', call.requestId],
    ['traceparent', call.traceparent],
  ];
}

const SIGNS: Readonly<Record<Change, string>> = { added: '+', removed: '-', changed: '~' };

/** As the gateway passed it on: for an answer from the hop's to the call's. */
function differenceLine({ name, change, call, hop }: Difference, direction: Direction): string {
  const [before, behind] = direction === 'asked' ? [call, hop] : [hop, call];
  const values = change === 'added' ? behind : change === 'removed' ? before : `${before} → ${behind}`;
  return `    ${SIGNS[change]} ${printable(name)}: ${printable(values)}`;
}

function hopLines(hop: NextHop): string[] {
  const lines = ['', `Next hop ${hop.callId.slice(0, 12)} to ${hop.server} (joined by ${hop.evidence}).`];
  const sections: readonly (readonly [string, readonly Difference[], Direction])[] = [
    ['What is known of the two, client → next hop', hop.facts, 'asked'],
    ['Request headers, client → next hop', hop.requestHeaders, 'asked'],
    ['Request body, client → next hop', hop.body, 'asked'],
    ['Response headers, next hop → client', hop.responseHeaders, 'answered'],
    ['Answer, next hop → client', hop.answer, 'answered'],
  ];
  for (const [title, differences, direction] of sections) {
    if (differences.length === 0) continue;
    lines.push(`  ${title}:`, ...differences.map((each) => differenceLine(each, direction)));
  }
  if (lines.length === 2) lines.push('  It differs in nothing but times and sizes.');
  return lines;
}

function headerLines(title: string, text: string): string[] {
  const lines = headersOf(text).map(({ name, value }) => `  ${printable(name)}: ${printable(value)}`);
  return lines.length === 0 ? [] : ['', `${title}:`, ...lines];
}

function render(stored: StoredCall, hops: readonly NextHop[]): string {
  const { call } = stored;
  const lines = facts(stored)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name.padEnd(12)}${printable(value)}`);
  const prompt = stored.parts.filter((part) => part.kind === 'message').at(-1);
  if (call.promptPreview !== '') lines.push('', 'Asked:', printable(call.promptPreview));
  if (prompt !== undefined) lines.push('', 'Last message of the request:', printable(shorten(prompt.text)));
  call.toolNames.forEach((name, index) => {
    lines.push(
      '',
      `Wants the tool ${printable(name)} (${printable(call.toolCallIds[index] ?? '')}):`,
      printable(shorten(call.toolArguments[index] ?? '')),
    );
  });
  if (call.answerPreview !== '') lines.push('', 'Answered:', printable(call.answerPreview));
  lines.push(...headerLines('Request headers', call.requestHeaders));
  lines.push(...headerLines('Response headers', call.responseHeaders));
  for (const hop of hops) lines.push(...hopLines(hop));
  return lines.join('\n');
}

/** The stored request and response as JSON, or as text where they are no JSON. Null when it isn't stored. */
function bodies(stored: StoredCall): { request: unknown; response: unknown } {
  const contents = new Map(stored.parts.map((part) => [part.hash, part]));
  const parse = (text: string | null): unknown => {
    if (text === null) return null;
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  let request: string | null = null;
  try {
    if (stored.call.requestSkeleton !== '')
      request = joinRequest(stored.call.requestSkeleton, stored.call.requestParts, contents);
  } catch {
    request = null;
  }
  return { request: parse(request), response: parse(stored.response?.text ?? null) };
}

export const call: CommandBody = {
  usage: 'ID [options]',
  details:
    'Everything known about one call. The id may be shortened. With --json also the request, put together again from its stored parts, and the response.',
  options: {},
  examples: [
    ['bittern call 3f2a9c', 'one call, by the beginning of its id'],
    ['bittern call 3f2a9c --json | jq .request.messages', 'what was sent'],
  ],
  positionals: { min: 1, max: 1 },
  run: async ({ args, loaded, json, print, note }) => {
    const store = await openConfiguredStore(loaded.config);
    try {
      const given = args.positionals[0] ?? '';
      const id = await fullId(store, given.toLowerCase());
      const stored = id === null ? null : await getCall(store, id);
      if (stored === null) {
        note(`bittern: there is no call '${given}'; 'bittern calls' lists them.`);
        return EXIT.notFound;
      }
      const hops = await nextHops(store, stored.call.callId);
      print(json ? JSON.stringify({ ...stored.call, ...bodies(stored), hops }) : render(stored, hops));
      return EXIT.ok;
    } finally {
      await store.close();
    }
  },
};
