/** The two HTTP messages of a played call, and what a perfect observer learns from them. */

import type {
  Ask,
  Dialect,
  Failure,
  Finish,
  Reply,
  StreamEvent,
  ToolCall,
  ToolDefinition,
  Turn,
} from '../dialects/dialect.ts';
import { DIALECTS } from '../dialects/index.ts';
import { knownOfPart } from '../generator/call-facts.ts';
import { type BodyPiece, buildMessage, type WireMessage } from '../generator/http-message.ts';
import type { Ending } from '../generator/planned.ts';
import type { Random } from '../generator/random.ts';
import { jsonListPieces, ssePieces } from '../generator/stream-body.ts';
import { cutter } from '../generator/words.ts';
import type { Body, Outgoing, WireClient } from './client.ts';
import type { Answering } from './line.ts';
import type { Outcome, PlayedTokens } from './played.ts';

/** Who ends a stream before its time; `event`: the server, by an error event. */
export interface CutPlan {
  readonly by: 'client' | 'upstream' | 'event';
}

export interface Message {
  readonly request: WireMessage;
  readonly response: WireMessage;
  readonly thinkUs: number;
  readonly ending: Ending;
  readonly tokens: PlayedTokens;
  readonly model: string;
  readonly answer: string;
  readonly brokenOff: boolean;
  readonly outcome: Outcome;
  readonly asked: readonly ToolCall[];
}

export interface Asking extends Answering {
  readonly system?: string;
  /** Of a side call: whether it offers the client's tools. */
  readonly tools?: boolean;
}

const NO_TOKENS: PlayedTokens = { input: 0, cacheRead: 0, output: 0 };

const OUTCOMES: Readonly<Record<Finish, Outcome>> = {
  stop: 'answered',
  length: 'length',
  tool_calls: 'open',
  content_filter: 'refused',
  refusal: 'refused',
};

const isStep = ({ kind }: Outgoing): boolean => kind === 'main' || kind === 'subagent';

/** Routers ask for a whole answer at once. */
const streams = (outgoing: Outgoing): boolean => outgoing.line.client.streaming && outgoing.kind !== 'router';

function toolsOf(outgoing: Outgoing, asking: Asking): readonly ToolDefinition[] {
  return isStep(outgoing) || asking.tools === true ? outgoing.line.client.tools : [];
}

function askOf(outgoing: Outgoing, turns: readonly Turn[], asking: Asking): Ask {
  const { client } = outgoing.line;
  return {
    model: asking.model ?? client.model,
    system: asking.system ?? client.system,
    turns,
    tools: toolsOf(outgoing, asking),
    streaming: streams(outgoing),
    includeUsage: true,
    maxTokens: 8192,
    user: '',
  };
}

interface Sent {
  readonly message: WireMessage;
  readonly ask: Ask;
  readonly inputTokens: number;
}

function send(outgoing: Outgoing, turns: readonly Turn[], asking: Asking, random: Random): Sent {
  const { who } = outgoing.line.session;
  const { client } = who;
  const dialect = DIALECTS[client.dialect];
  const ask = askOf(outgoing, turns, asking);
  const body = JSON.stringify(client.dress(dialect.request(ask) as Body, outgoing));
  const message = buildMessage(
    {
      startLine: `POST ${dialect.target(ask, '')} HTTP/1.1`,
      headers: [
        ['host', HOSTS[client.dialect]],
        ['user-agent', client.userAgent],
        ['content-type', 'application/json'],
        ...dialect.headers(who.key),
        ...client.headers(outgoing),
        ...Object.entries(who.added),
      ],
      pieces: [{ text: body, delayUs: 0 }],
      coding: 'identity',
      framing: 'length',
      oddChunks: false,
      extensions: false,
      trailers: false,
      tokenPiece: -1,
      cutAfter: -1,
      withoutLastChunk: false,
    },
    random,
  );
  return { message, ask, inputTokens: asking.input ?? Math.ceil(body.length / 4) };
}

const HOSTS = {
  'anthropic.messages': 'api.anthropic.com',
  'openai.chat': 'api.openai.com',
  'openai.responses': 'api.openai.com',
  'gemini.generate_content': 'generativelanguage.googleapis.com',
} as const;

function replyOf(client: WireClient, sent: Sent, asking: Asking, calls: readonly ToolCall[], random: Random): Reply {
  const { inputTokens: input } = sent;
  const text = asking.text ?? '';
  return {
    id: `${RESPONSE_IDS[client.dialect]}${random.hex(20)}`,
    model: asking.model ?? client.servedModel,
    created: 1_795_000_000,
    reasoning: '',
    text,
    toolCalls: calls,
    finish: asking.finish ?? 'stop',
    usage: {
      input,
      cacheRead: input >> 1,
      cacheWrite: 0,
      output: Math.ceil((text.length + JSON.stringify(calls).length) / 4),
      reasoning: 0,
    },
    tellUsage: true,
    interleaved: false,
  };
}

const RESPONSE_IDS = {
  'anthropic.messages': 'msg_',
  'openai.chat': 'chatcmpl-',
  'openai.responses': 'resp_',
  'gemini.generate_content': '',
} as const;

function respond(
  type: string,
  status: string,
  pieces: readonly BodyPiece[],
  cutAfter: number,
  random: Random,
): WireMessage {
  const stream = type !== 'application/json';
  return buildMessage(
    {
      startLine: `HTTP/1.1 ${status}`,
      headers: [['content-type', type]],
      pieces,
      coding: 'identity',
      framing: stream ? 'chunked' : 'length',
      oddChunks: false,
      extensions: false,
      trailers: false,
      tokenPiece: -1,
      cutAfter,
      withoutLastChunk: false,
    },
    random,
  );
}

/** The model answers; `cut`: not to the end. */
export function answered(
  outgoing: Outgoing,
  turns: readonly Turn[],
  asking: Asking,
  calls: readonly ToolCall[],
  cut: CutPlan | null,
): Message {
  const { line } = outgoing;
  const { client } = line;
  const random = line.stage.random.fork();
  const dialect = DIALECTS[client.dialect];
  const sent = send(outgoing, turns, asking, random);
  const reply = replyOf(client, sent, asking, calls, random);
  if (cut === null) line.responded(reply.id, outgoing);
  const base = { request: sent.message, thinkUs: random.int(100_000, 900_000) };
  if (cut !== null) return { ...base, ...broken(dialect, reply, sent.ask, cut, random) };
  const { input, cacheRead, output } = reply.usage;
  const whole = {
    ...base,
    ending: 'keep' as const,
    tokens: { input, cacheRead, output },
    model: reply.model,
    answer: reply.text,
    brokenOff: false,
    outcome: OUTCOMES[reply.finish],
    asked: calls,
  };
  if (!sent.ask.streaming) {
    const piece = { text: JSON.stringify(dialect.json(reply)), delayUs: 0 };
    return { ...whole, response: respond('application/json', '200 OK', [piece], -1, random) };
  }
  const events = dialect.events(reply, cutter(random, 30));
  const isList = client.dialect === 'gemini.generate_content' && sent.ask.jsonList === true;
  const pieces = isList ? jsonListPieces(events, random) : ssePieces(events, true, random);
  return { ...whole, response: respond('text/event-stream', '200 OK', pieces, -1, random) };
}

function broken(dialect: Dialect, reply: Reply, ask: Ask, cut: CutPlan, random: Random) {
  const events = dialect.events({ ...reply, finish: 'stop' }, cutter(random, 6));
  const after = events.length >> 1;
  const shown = events.slice(0, after);
  const isEvent = cut.by === 'event';
  const list: readonly StreamEvent[] = isEvent ? [...shown, dialect.streamFailure('Overloaded').event] : events;
  const pieces = ssePieces(list, false, random);
  const { facts } = knownOfPart(dialect, reply, shown);
  return {
    response: respond('text/event-stream', '200 OK', pieces, isEvent ? -1 : after, random),
    ending: isEvent ? ('keep' as const) : cut.by === 'client' ? ('client_fin' as const) : ('server_fin' as const),
    tokens: {
      input: facts.input_tokens ?? 0,
      cacheRead: facts.cache_read_tokens ?? 0,
      // Some count what the first event says, some don't.
      output: dialect.name === 'anthropic.messages' ? null : (facts.output_tokens ?? 0),
    },
    model: facts.model ?? ask.model,
    answer: '',
    brokenOff: true,
    outcome: cut.by === 'client' ? ('aborted' as const) : ('error' as const),
    asked: [],
  };
}

const REASONS: Readonly<Record<number, string>> = { 429: 'Too Many Requests', 529: 'Overloaded' };

/** An error instead of an answer. */
export function failed(outgoing: Outgoing, turns: readonly Turn[], failure: Failure): Message {
  const { line } = outgoing;
  const random = line.stage.random.fork();
  const sent = send(outgoing, turns, {}, random);
  const { status, body } = DIALECTS[line.client.dialect].failure(failure, 'It is too much right now');
  const piece = { text: JSON.stringify(body), delayUs: 0 };
  return {
    request: sent.message,
    response: respond('application/json', `${status} ${REASONS[status] ?? 'Error'}`, [piece], -1, random),
    thinkUs: random.int(20_000, 90_000),
    ending: 'keep',
    tokens: NO_TOKENS,
    model: sent.ask.model,
    answer: '',
    brokenOff: false,
    outcome: 'error',
    asked: [],
  };
}
