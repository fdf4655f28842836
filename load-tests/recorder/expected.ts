/** Turns what the fake server served into what a perfect observer stores. */

import { hash } from 'node:crypto';
import { DIALECTS } from '../dialects/index.ts';
import type { Served } from '../fake-llm/served.ts';
import type { ExpectedCall, ExpectedExchange } from '../manifest.ts';

/** Chat says `stop` beside a refusal text, Responses and Gemini end like any other answer when they ask for tools: both readings are right. */
const FINISH_ALSO: Readonly<Record<string, readonly string[]>> = { refusal: ['stop'], tool_calls: ['stop'] };

function header(served: Served, name: string): string {
  const value = served.headers[name];
  return typeof value === 'string' ? value : '';
}

function outcome(served: Served): string {
  if (served.status >= 400) return 'http_error';
  if (served.errorType !== '') return 'stream_error';
  if (served.end === 'upstream_abort') return 'upstream_abort';
  const reachedEnd = served.end === 'complete' || served.events.some((event) => event.end);
  if (!reachedEnd) return 'client_abort';
  return served.reply?.finish === 'refusal' || served.reply?.finish === 'content_filter' ? 'refused' : 'ok';
}

/** Facts of the reply: all of them after an orderly end, those of the first event when it was cut in a stream. */
function replyFacts(served: Served, ended: string): Partial<ExpectedCall['expected']> {
  const { reply } = served;
  const nothing = { input_tokens: null, output_tokens: null, usage_source: 'none', tool_names: [], tool_call_ids: [] };
  if (reply === null || (ended !== 'ok' && ended !== 'refused' && served.events.length === 0)) {
    return { model: '', response_id: '', ...nothing };
  }
  const dialect = DIALECTS[served.dialect!];
  const names = {
    model: dialect.tells.model ? reply.model : '',
    response_id: dialect.tells.id ? reply.id : '',
  };
  if (ended !== 'ok' && ended !== 'refused') return { ...names, ...nothing };
  const told = reply.tellUsage;
  return {
    ...names,
    finish_reason: reply.finish,
    input_tokens: told ? reply.usage.input : null,
    cache_read_tokens: told && dialect.tells.cacheRead ? reply.usage.cacheRead : null,
    cache_write_tokens: told && dialect.tells.cacheWrite ? reply.usage.cacheWrite : null,
    output_tokens: told ? reply.usage.output : null,
    ...(dialect.tells.reasoning ? { reasoning_tokens: told ? reply.usage.reasoning : null } : {}),
    usage_source: told ? 'reported' : 'none',
    tool_names: reply.toolCalls.map((call) => call.name),
    tool_call_ids: reply.toolCalls.map((call) => call.id),
  };
}

const addresses = (served: Served) => ({
  client_ip: '127.0.0.1',
  client_port: served.clientPort,
  server_ip: '127.0.0.1',
  server_port: served.serverPort,
});

function expectedCall(served: Served, index: number): ExpectedCall {
  const ended = outcome(served);
  const whole = ended === 'ok' || ended === 'refused';
  const { reply } = served;
  return {
    type: 'call',
    index,
    expected: {
      ...addresses(served),
      request_id: served.status === 0 ? '' : served.requestId,
      dialect: served.dialect === null ? '' : (DIALECTS[served.dialect].storedAs ?? served.dialect),
      requested_model: served.request?.model ?? '',
      streaming: served.request?.streaming ?? false,
      status: served.status,
      outcome: ended,
      error_type: served.errorType,
      completeness: 'full',
      missing_bytes: 0,
      agent_id: header(served, 'x-agent-id'),
      ...(header(served, 'x-session-id') === '' ? {} : { session_id: header(served, 'x-session-id') }),
      ...(header(served, 'x-user-id') === '' ? {} : { user_id: header(served, 'x-user-id') }),
      ...replyFacts(served, ended),
      request_bytes: served.requestBytes,
      ...(ended === 'client_abort' ? {} : { response_bytes: served.responseBytes }),
      host: header(served, 'host'),
      path: served.path,
    },
    either: reply?.finish === undefined || !whole ? {} : { finish_reason: FINISH_ALSO[reply.finish] ?? [] },
    latest: {},
    loss: 'none',
    lost_bytes: 0,
    request_body: served.requestBody,
    response_sha256: served.end === 'complete' || whole ? hash('sha256', served.responseBody) : '',
    response_text: whole ? (reply?.text ?? '') : '',
    response_reasoning: whole ? (reply?.reasoning ?? '') : '',
    tool_arguments: whole ? (reply?.toolCalls ?? []).map((call) => call.arguments) : [],
  };
}

function expectedExchange(served: Served, index: number): ExpectedExchange {
  return {
    type: 'exchange',
    index,
    expected: {
      ...addresses(served),
      method: served.method,
      host: header(served, 'host'),
      path: served.path,
      status: served.status,
      request_bytes: served.requestBytes,
      response_bytes: served.responseBytes,
    },
    loss: 'none',
    lost_bytes: 0,
  };
}

export function expectedOf(all: readonly Served[]): { calls: ExpectedCall[]; exchanges: ExpectedExchange[] } {
  const calls: ExpectedCall[] = [];
  const exchanges: ExpectedExchange[] = [];
  all.forEach((served, index) => {
    if (served.dialect === null) exchanges.push(expectedExchange(served, index));
    else calls.push(expectedCall(served, index));
  });
  return { calls, exchanges };
}
