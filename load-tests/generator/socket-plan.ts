/** Plans a connection that is upgraded to WebSocket and carries OpenAI Responses: one response after the other. */

import { type Known, knownOfNothing } from './call-facts.ts';
import { type CallKind, type Draft, endingOf, makeDraft, OUTCOMES, script } from './call-plan.ts';
import { Conversation, PROFILES } from './conversation.ts';
import { buildMessage, type TimedBytes, type WireMessage } from './http-message.ts';
import type { PlannedExchange } from './planned.ts';
import type { Random } from './random.ts';
import { type Context, FrameWriter } from './socket-frames.ts';

const PATH = '/v1/responses';
const WEIGHTS = {
  ok: 70,
  stream_error: 4,
  refused: 3,
  length: 4,
  client_abort_early: 2,
  client_abort: 3,
  upstream_abort: 3,
  unanswered: 1,
} as const satisfies Partial<Record<CallKind, number>>;

const RESPONSES = PROFILES.filter(({ dialect }) => dialect === 'openai.responses');
const NOTHING: Omit<WireMessage, 'parts' | 'length' | 'bodyBytes'> = {
  tokenOffset: -1,
  keep: [],
  bodySha256: '',
  untilClose: false,
  plan: null,
};

/** As the upgrade told it: a conversation that begins anew on the connection can't tell another one. */
interface Identity {
  readonly sessionId: string;
  readonly user: string;
}

interface Sides {
  readonly client: FrameWriter;
  readonly server: FrameWriter;
}

function extensions(client: Context, server: Context): readonly (readonly [string, string])[] {
  if (client === null || server === null) return [];
  const taken = [client ? '' : '; client_no_context_takeover', server ? '' : '; server_no_context_takeover'];
  return [['sec-websocket-extensions', `permessage-deflate${taken.join('')}`]];
}

function planUpgrade(conversation: Conversation, client: Context, server: Context, random: Random): PlannedExchange {
  const { profile, sessionId, user } = conversation;
  const upgrade: readonly (readonly [string, string])[] = [
    ['connection', 'Upgrade'],
    ['upgrade', 'websocket'],
  ];
  const known: readonly (readonly [string, string])[] = [
    ['x-agent-id', profile.agentId],
    ['x-session-id', sessionId],
    ['x-user-id', user],
  ];
  const headers: readonly (readonly [string, string])[] = [
    ['host', profile.host],
    ['user-agent', profile.userAgent],
    ['authorization', `Bearer sk-made-up-${profile.dialect}-planted`],
    ...known.filter(([, value]) => value !== ''),
    ...upgrade,
  ];
  const plain = {
    ...{ pieces: [], coding: 'identity' as const, framing: 'none' as const, oddChunks: false, extensions: false },
    ...{ trailers: false, tokenPiece: -1, cutAfter: -1, withoutLastChunk: false },
  };
  const accepted = [...upgrade, ...extensions(client, server)];
  return {
    request: buildMessage({ ...plain, startLine: `GET ${PATH} HTTP/1.1`, headers }, random),
    response: buildMessage({ ...plain, startLine: 'HTTP/1.1 101 Switching Protocols', headers: accepted }, random),
    ...{ interim: [], thinkUs: random.int(100, 5000), ending: 'keep' },
    entry: {
      type: 'exchange',
      facts: { method: 'GET', host: profile.host, path: PATH, status: 101, request_bytes: 0, response_bytes: 0 },
    },
  };
}

interface Answer {
  readonly message: WireMessage | null;
  readonly errorType: string;
  readonly known: Known;
  readonly whole: boolean;
}

function answerOf(draft: Draft, server: FrameWriter): Answer {
  const { kind, random } = draft;
  if (kind === 'client_abort_early' || kind === 'unanswered') {
    return { message: null, errorType: '', known: knownOfNothing(null), whole: false };
  }
  const { events, cutAfter, errorType, known } = script(draft);
  const sent = cutAfter < 0 ? events : events.slice(0, cutAfter);
  const parts: TimedBytes[] = [];
  let [length, bodyBytes, atUs, tokenOffset] = [0, 0, 0, -1];
  for (const each of sent) {
    const { bytes, payloadBytes } = server.message(each.data);
    if (parts.length > 0) atUs += random.int(200, 9000);
    parts.push({ bytes, atUs });
    length += bytes.length;
    bodyBytes += payloadBytes;
    if (each.token && tokenOffset < 0) tokenOffset = length - 1;
  }
  return {
    message: { ...NOTHING, parts, length, bodyBytes, tokenOffset },
    errorType,
    known,
    whole: cutAfter < 0 && errorType === '',
  };
}

function planCall(
  kind: CallKind,
  conversation: Conversation,
  identity: Identity,
  sides: Sides,
  random: Random,
): PlannedExchange {
  const made = makeDraft(kind, conversation, '', random, false);
  const draft = { ...made, ask: { ...made.ask, streaming: true } };
  const { dialect, ask, reply } = draft;
  const body = JSON.stringify({ type: 'response.create', ...(dialect.request(ask) as object) });
  const { bytes, payloadBytes } = sides.client.message(body);
  const answer = answerOf(draft, sides.server);
  if (answer.whole) conversation.answer(reply);
  const open = kind === 'unanswered' ? { outcome: ['partial_capture'], completeness: ['tail_missing'] } : {};
  return {
    request: { ...NOTHING, parts: [{ bytes, atUs: 0 }], length: bytes.length, bodyBytes: payloadBytes },
    response: answer.message,
    ...{ interim: [], thinkUs: random.int(300, 60_000), ending: endingOf(draft, false), follows: true },
    entry: {
      type: 'call',
      facts: {
        ...{ request_id: '', dialect: dialect.name, requested_model: ask.model, streaming: true },
        ...{ status: answer.message === null ? 0 : 101, outcome: OUTCOMES[kind], error_type: answer.errorType },
        ...{ completeness: 'full', missing_bytes: 0 },
        ...(conversation.profile.agentId === '' ? {} : { agent_id: conversation.profile.agentId }),
        ...(identity.sessionId === '' ? {} : { session_id: identity.sessionId }),
        ...(identity.user === '' ? {} : { user_id: identity.user }),
        ...answer.known.facts,
        ...{ request_bytes: payloadBytes, response_bytes: answer.message?.bodyBytes ?? 0 },
        ...{ host: conversation.profile.host, path: PATH, protocol: 'websocket' },
      },
      either: { ...answer.known.either, ...open },
      content: {
        request_body: body,
        response_sha256: '',
        response_text: answer.whole ? reply.text : '',
        response_reasoning: answer.whole ? reply.reasoning : '',
        tool_arguments: answer.whole ? reply.toolCalls.map((call) => call.arguments) : [],
      },
    },
  };
}

/** Exchanges of one connection, at most `callsMax` calls. */
export function planSocket(callsMax: number, random: Random): { groups: PlannedExchange[][]; calls: number } {
  const conversation = new Conversation(random.pick(RESPONSES), random.fork());
  const compressed = random.chance(0.7);
  const context = (): Context => (compressed ? random.chance(0.5) : null);
  const [client, server] = [context(), context()];
  const sides = {
    client: new FrameWriter(true, client, random.fork()),
    server: new FrameWriter(false, server, random.fork()),
  };
  const { sessionId, user } = conversation;
  const groups = [[planUpgrade(conversation, client, server, random)]];
  const wanted = Math.min(callsMax, random.pick([1, 2, 4, 8, 14]));
  let calls = 0;
  for (let over = false; calls < wanted && !over; calls++) {
    const planned = planCall(random.weighted(WEIGHTS), conversation, { sessionId, user }, sides, random);
    groups.push([planned]);
    over = planned.ending !== 'keep';
  }
  return { groups, calls };
}
