/** Plans one LLM call: what is asked, what is answered, in which HTTP clothes, and what goes wrong. */
import type { Ask, Dialect, Failure, Finish, Reply, StreamEvent } from '../dialects/dialect.ts';
import { DIALECTS, streamType } from '../dialects/index.ts';
import type { CallFacts } from '../manifest.ts';
import type { Coding } from './body-coding.ts';
import { type Known, knownOfNothing, knownOfPart, knownOfWhole } from './call-facts.ts';
import type { Conversation } from './conversation.ts';
import { type BodyPiece, buildMessage, type MessagePlan, type WireMessage } from './http-message.ts';
import type { Ending, PlannedExchange } from './planned.ts';
import type { Random } from './random.ts';
import { framedPieces, jsonListPieces, ssePieces } from './stream-body.ts';
import { cutter, sentence } from './words.ts';

export type CallKind =
  | 'ok'
  | 'http_error'
  | 'stream_error'
  | 'refused'
  | 'length'
  | 'early_error'
  | 'request_abort'
  | 'client_abort_early'
  | 'client_abort'
  | 'upstream_abort'
  | 'hang_up_after_end'
  | 'unanswered';

export const CALL_WEIGHTS: Readonly<Record<CallKind, number>> = {
  ok: 76,
  http_error: 6,
  stream_error: 2,
  refused: 2,
  length: 3,
  early_error: 1.5,
  request_abort: 1.5,
  client_abort_early: 1.5,
  client_abort: 2,
  upstream_abort: 2,
  hang_up_after_end: 4,
  unanswered: 0.7,
};

/** Seconds since the epoch that replies tell as their own time. */
const CREATED = 1_795_000_000;

/** Streams of these tell their usage only when asked to. */
const ASKED_USAGE: ReadonlySet<string> = new Set(['openai.chat', 'openai.completions']);

const CUT_KINDS: ReadonlySet<CallKind> = new Set(['client_abort', 'upstream_abort', 'stream_error']);

const NEUTRAL: Omit<MessagePlan, 'startLine' | 'headers' | 'pieces'> = {
  coding: 'identity',
  framing: 'length',
  oddChunks: false,
  extensions: false,
  trailers: false,
  tokenPiece: -1,
  cutAfter: -1,
  withoutLastChunk: false,
};

export interface Draft {
  readonly kind: CallKind;
  readonly conversation: Conversation;
  readonly dialect: Dialect;
  readonly ask: Ask;
  readonly reply: Reply;
  readonly requestId: string;
  readonly random: Random;
  readonly pipelined: boolean;
}

interface Answer {
  readonly message: WireMessage | null;
  readonly status: number;
  readonly errorType: string;
  readonly known: Known;
  /** Text and tool arguments were seen whole. */
  readonly whole: boolean;
}

function finishFor(kind: CallKind, tools: boolean, random: Random): Finish {
  if (kind === 'length') return 'length';
  if (kind === 'refused') return random.pick(['refusal', 'content_filter']);
  return tools ? 'tool_calls' : 'stop';
}

function makeReply(kind: CallKind, conversation: Conversation, ask: Ask, random: Random): Reply {
  const { profile } = conversation;
  const dialect = DIALECTS[profile.dialect];
  const plain = CUT_KINDS.has(kind) || kind === 'refused' || kind === 'length';
  const several = ask.choices ?? 1;
  const tools = !plain && several === 1 && conversation.tools.length > 0 && (profile.loops || random.chance(0.5));
  const thinks = !plain && profile.dialect !== 'openai.completions' && random.chance(0.2);
  const input = Math.ceil(JSON.stringify(ask.turns).length / 4) + 20;
  const cacheRead = random.chance(0.5) ? Math.floor(input * 0.7) : 0;
  const cacheWrite = dialect.tells.cacheWrite && random.chance(0.5) ? Math.floor(input * 0.2) : 0;
  const reasoning = thinks ? random.int(10, 400) : 0;
  return {
    id: dialect.idPrefixes[0] + random.hex(24),
    model: profile.servedModel,
    created: CREATED,
    reasoning: thinks ? sentence(random, random.int(5, 40)) : '',
    text: tools && random.chance(0.6) ? '' : sentence(random, random.int(plain ? 20 : 3, 120)),
    otherTexts: Array.from({ length: several - 1 }, () => sentence(random, random.int(3, 60))),
    toolCalls: tools ? conversation.toolCalls() : [],
    finish: finishFor(kind, tools, random),
    usage: { input, cacheRead, cacheWrite, output: reasoning + random.int(5, 900), reasoning },
    tellUsage: !ASKED_USAGE.has(profile.dialect) || !ask.streaming || ask.includeUsage,
    interleaved: random.chance(0.3),
  };
}

export function makeDraft(
  kind: CallKind,
  conversation: Conversation,
  requestId: string,
  random: Random,
  pipelined: boolean,
): Draft {
  const { profile } = conversation;
  const streaming = kind === 'stream_error' || random.chance(0.65);
  const severalChoices = profile.dialect === 'openai.chat' && !CUT_KINDS.has(kind) && random.chance(0.06);
  const ask: Ask = {
    model: profile.model,
    system: conversation.system,
    turns: conversation.ask(),
    tools: conversation.tools,
    streaming,
    choices: severalChoices ? random.int(2, 3) : 1,
    jsonList: profile.dialect === 'gemini.generate_content' && streaming && random.chance(0.3),
    includeUsage: random.chance(0.8),
    maxTokens: random.int(100, 9000),
    user: conversation.user,
  };
  const reply = makeReply(kind, conversation, ask, random);
  return { kind, conversation, dialect: DIALECTS[profile.dialect], ask, reply, requestId, random, pipelined };
}

function requestHeaders(draft: Draft): [string, string][] {
  const { conversation, dialect, requestId } = draft;
  const { profile } = conversation;
  const headers: [string, string][] = [
    ['host', profile.host],
    ['user-agent', profile.userAgent],
    ['content-type', 'application/json'],
    ['accept-encoding', 'gzip, deflate'],
    ['x-request-id', requestId],
    ...dialect.headers(`sk-made-up-${profile.dialect}-planted`).map(([name, value]): [string, string] => [name, value]),
  ];
  if (profile.agentId !== '') headers.push(['x-agent-id', profile.agentId]);
  if (conversation.sessionId !== '') headers.push(['x-session-id', conversation.sessionId]);
  if (conversation.user !== '') headers.push(['x-user-id', conversation.user]);
  return headers;
}

/** Bytes of the body that are out when the error comes, or at least when the client gives up: the model is among them. */
const REQUEST_BEGINNING = 120;

function requestPieces(kind: CallKind, body: string, expectContinue: boolean, random: Random): BodyPiece[] {
  const delayUs = expectContinue ? 900 : 0;
  if (kind !== 'early_error' && kind !== 'request_abort') return [{ text: body, delayUs }];
  const least = Math.min(REQUEST_BEGINNING, body.length >> 1);
  const wanted = kind === 'early_error' ? least : random.int(least, Math.max(least, Math.floor(body.length * 0.6)));
  const at = body.codePointAt(wanted - 1)! > 0xffff ? wanted + 1 : wanted;
  return [
    { text: body.slice(0, at), delayUs },
    { text: body.slice(at), delayUs: random.int(8000, 40_000) },
  ];
}

function requestCoding(pieces: number, random: Random): Coding {
  const coding = random.weighted({ identity: 93, gzip: 3, zstd: 2, br: 2 });
  return coding === 'br' && pieces > 1 ? 'gzip' : coding;
}

function requestMessage(draft: Draft, body: string, target: string, expectContinue: boolean): WireMessage {
  const { kind, random } = draft;
  const headers = requestHeaders(draft);
  if (expectContinue) headers.push(['expect', '100-continue']);
  const framing = random.chance(0.08) ? 'chunked' : 'length';
  const aborted = kind === 'request_abort';
  const pieces = requestPieces(kind, body, expectContinue, random);
  const plan: MessagePlan = {
    ...NEUTRAL,
    startLine: `POST ${target} HTTP/1.1`,
    headers,
    pieces,
    coding: aborted ? 'identity' : requestCoding(pieces.length, random),
    framing,
    oddChunks: framing === 'chunked',
    cutAfter: aborted ? 1 : -1,
  };
  return buildMessage(plan, random);
}

const responseHeaders = (draft: Draft, type: string): [string, string][] => [
  ['date', 'Wed, 18 Nov 2026 10:26:40 GMT'],
  ['content-type', type],
  ['server', draft.random.pick(['envoy', 'cloudflare', 'uvicorn'])],
];

function failed(draft: Draft): Answer {
  const { dialect, random } = draft;
  const failure = random.pick<Failure>(['bad_request', 'unauthorized', 'rate_limited', 'server_error', 'overloaded']);
  const { status, errorType, body, headers } = dialect.failure(failure, sentence(random, 6));
  const message = buildMessage(
    {
      ...NEUTRAL,
      startLine: `HTTP/1.1 ${status} Error`,
      headers: [...responseHeaders(draft, 'application/json'), ...Object.entries(headers ?? {})],
      pieces: [{ text: JSON.stringify(body), delayUs: 0 }],
      coding: random.chance(0.2) ? 'gzip' : 'identity',
      framing: random.chance(0.3) ? 'chunked' : 'length',
    },
    random,
  );
  const code = (body as { error?: { code?: string | null } }).error?.code;
  const known = knownOfNothing(null);
  const either = typeof code === 'string' ? { ...known.either, error_type: [code] } : known.either;
  const requested = { ...either, model: [draft.ask.model] };
  return { message, status, errorType, known: { facts: known.facts, either: requested }, whole: false };
}

const isCut = (kind: CallKind): boolean => kind === 'client_abort' || kind === 'upstream_abort';

/** Servers that still speak HTTP/1.0 end every body by closing. */
const okLine = (framing: 'length' | 'chunked' | 'close', random: Random): string =>
  framing === 'close' && random.chance(0.5) ? 'HTTP/1.0 200 OK' : 'HTTP/1.1 200 OK';

/** Not streaming: one piece of JSON. */
function whole(draft: Draft, framing: 'length' | 'chunked' | 'close'): Answer {
  const { dialect, reply, kind, random } = draft;
  const text = JSON.stringify(dialect.json(reply));
  const halves: BodyPiece[] = isCut(kind)
    ? [
        { text: text.slice(0, 150), delayUs: 0 },
        { text: text.slice(150), delayUs: 300 },
      ]
    : [{ text, delayUs: 0 }];
  const message = buildMessage(
    {
      ...NEUTRAL,
      startLine: okLine(framing, random),
      headers: responseHeaders(draft, 'application/json'),
      pieces: halves,
      coding: isCut(kind)
        ? 'identity'
        : random.weighted({ identity: 50, gzip: 30, deflate: 6, raw_deflate: 3, br: 6, zstd: 5 }),
      framing,
      oddChunks: random.chance(0.6),
      extensions: random.chance(0.2),
      trailers: random.chance(0.15),
      cutAfter: isCut(kind) ? 1 : -1,
      withoutLastChunk: kind === 'hang_up_after_end',
    },
    random,
  );
  const known = isCut(kind) ? knownOfNothing(reply) : knownOfWhole(dialect, reply);
  return { message, status: 200, errorType: '', known, whole: !isCut(kind) };
}

export interface Script {
  readonly events: readonly StreamEvent[];
  readonly cutAfter: number;
  readonly errorType: string;
  readonly known: Known;
}

export function script(draft: Draft): Script {
  const { dialect, reply, kind, random } = draft;
  const all = dialect.events(reply, cutter(random, random.pick([4, 12, 60])));
  if (!CUT_KINDS.has(kind)) return { events: all, cutAfter: -1, errorType: '', known: knownOfWhole(dialect, reply) };
  const firstToken = all.findIndex((each) => each.token);
  const lastToken = all.findLastIndex((each) => each.token);
  const seen = random.int(firstToken + 1, Math.max(firstToken + 1, lastToken - 1));
  const known = knownOfPart(dialect, reply, all.slice(0, seen));
  if (kind !== 'stream_error') return { events: all, cutAfter: seen, errorType: '', known };
  const { errorType, event } = dialect.streamFailure(sentence(random, 5));
  return { events: [...all.slice(0, seen), event], cutAfter: -1, errorType, known };
}

function streamPieces({ ask, dialect, kind, random }: Draft, events: readonly StreamEvent[]): BodyPiece[] {
  if (ask.jsonList === true) return jsonListPieces(events, random);
  if (dialect.framing !== 'sse') return framedPieces(dialect, events, random);
  return ssePieces(events, !CUT_KINDS.has(kind), random);
}

function streamed(draft: Draft, framing: 'length' | 'chunked' | 'close'): Answer {
  const { kind, random } = draft;
  const jsonList = draft.ask.jsonList === true;
  const { events, cutAfter, errorType, known } = script(draft);
  const message = buildMessage(
    {
      ...NEUTRAL,
      startLine: okLine(framing, random),
      headers: responseHeaders(draft, jsonList ? 'application/json; charset=UTF-8' : streamType(draft.dialect)),
      pieces: streamPieces(draft, events),
      coding: isCut(kind)
        ? 'identity'
        : random.weighted({ identity: 70, gzip: 25, deflate: 6, raw_deflate: 3, zstd: 6 }),
      framing,
      oddChunks: random.chance(0.4),
      extensions: random.chance(0.1),
      trailers: random.chance(0.1),
      tokenPiece: events.findIndex((each) => each.token),
      cutAfter,
      withoutLastChunk: kind === 'hang_up_after_end',
    },
    random,
  );
  return { message, status: 200, errorType, known, whole: !CUT_KINDS.has(kind) };
}

function answerOf(draft: Draft): Answer {
  const { kind, random, ask, pipelined } = draft;
  if (kind === 'client_abort_early' || kind === 'request_abort' || kind === 'unanswered') {
    return { message: null, status: 0, errorType: '', known: knownOfNothing(null), whole: false };
  }
  if (kind === 'http_error' || kind === 'early_error') return failed(draft);
  const chunked = kind === 'hang_up_after_end' || isCut(kind);
  if (!ask.streaming)
    return whole(draft, chunked ? 'chunked' : random.weighted({ length: 6, chunked: 4, close: pipelined ? 0 : 0.3 }));
  return streamed(
    draft,
    chunked ? 'chunked' : random.weighted({ chunked: 20, close: pipelined ? 0 : 0.6, length: 0.5 }),
  );
}

export const OUTCOMES: Readonly<Record<CallKind, string>> = {
  ok: 'ok',
  http_error: 'http_error',
  stream_error: 'stream_error',
  refused: 'refused',
  length: 'ok',
  early_error: 'http_error',
  request_abort: 'client_abort',
  client_abort_early: 'client_abort',
  client_abort: 'client_abort',
  upstream_abort: 'upstream_abort',
  hang_up_after_end: 'ok',
  unanswered: 'timeout',
};

export function endingOf(draft: Draft, closes: boolean): Ending {
  const { kind, random } = draft;
  switch (kind) {
    case 'client_abort':
    case 'client_abort_early':
    case 'request_abort':
      return random.pick<Ending>(['client_fin', 'client_rst']);
    case 'upstream_abort':
      return random.pick<Ending>(['server_fin', 'server_rst']);
    case 'hang_up_after_end':
      return 'client_fin';
    case 'unanswered':
      return 'silent';
    default:
      return closes ? 'server_fin' : 'keep';
  }
}

function interimOf(expectContinue: boolean, kind: CallKind, random: Random): Buffer[] {
  const interim: Buffer[] = [];
  if (expectContinue) interim.push(Buffer.from('HTTP/1.1 100 Continue\r\n\r\n'));
  if (kind === 'ok' && random.chance(0.03)) {
    interim.push(Buffer.from('HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n'));
  }
  return interim;
}

/** A request that breaks off rarely comes to the member that tells, at the body's end; other APIs tell it by the path, or at the body's beginning. */
const toldStreaming = ({ kind, ask, dialect }: Draft, sent: string): boolean =>
  ask.streaming && (kind !== 'request_abort' || dialect.tellsStreamEarly === true || sent.includes('"stream":true'));

export interface CallOptions {
  /** The next request goes out before this answer: nothing that closes the connection is planned. */
  readonly pipelined: boolean;
}

export function planCall(
  wanted: CallKind,
  conversation: Conversation,
  requestId: string,
  random: Random,
  options: CallOptions,
): PlannedExchange {
  const kind = wanted === 'refused' && DIALECTS[conversation.profile.dialect].canRefuse === false ? 'ok' : wanted;
  const draft = makeDraft(kind, conversation, requestId, random, options.pipelined);
  const { dialect, ask, reply } = draft;
  const target = dialect.target(ask, random.chance(0.3) ? 'made-up-query-planted' : '');
  const body = JSON.stringify(dialect.request(ask));
  const whole = kind !== 'early_error' && kind !== 'request_abort';
  const expectContinue = whole && !options.pipelined && random.chance(0.03);
  const request = requestMessage(draft, body, target, expectContinue);
  const answer = answerOf(draft);
  const closes = answer.message?.untilClose ?? false;
  if (answer.whole) conversation.answer(reply);
  const sent = kind === 'request_abort' ? Buffer.from(body).toString('utf8', 0, request.bodyBytes) : body;
  const facts: Omit<CallFacts, 'client_ip' | 'client_port' | 'server_ip' | 'server_port'> = {
    request_id: requestId,
    dialect: dialect.storedAs ?? dialect.name,
    requested_model: ask.model,
    streaming: toldStreaming(draft, sent),
    status: answer.status,
    outcome: OUTCOMES[kind],
    error_type: answer.errorType,
    completeness: 'full',
    missing_bytes: 0,
    ...(conversation.profile.agentId === '' ? {} : { agent_id: conversation.profile.agentId }),
    ...(conversation.sessionId === '' ? {} : { session_id: conversation.sessionId }),
    ...(conversation.user === '' ? {} : { user_id: conversation.user }),
    ...answer.known.facts,
    request_bytes: request.bodyBytes,
    response_bytes: answer.message?.bodyBytes ?? 0,
    host: conversation.profile.host,
    path: target.split('?')[0]!,
  };
  const open = kind === 'unanswered' ? { outcome: ['partial_capture'], completeness: ['tail_missing'] } : {};
  return {
    request,
    response: answer.message,
    interim: interimOf(expectContinue, kind, random),
    thinkUs: random.int(300, 60_000),
    ...(kind === 'early_error' ? { earlyUs: random.int(3000, 7000) } : {}),
    ending: endingOf(draft, closes),
    entry: {
      type: 'call',
      facts,
      either: { ...answer.known.either, ...open },
      content: {
        request_body: sent,
        response_sha256: answer.message?.bodySha256 ?? '',
        response_text: answer.whole ? reply.text : '',
        response_reasoning: answer.whole ? reply.reasoning : '',
        tool_arguments: answer.whole ? reply.toolCalls.map((call) => call.arguments) : [],
      },
    },
  };
}
