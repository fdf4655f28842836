/** Drives a recogniser by hand-made exchanges, as the HTTP layer would. For tests only. */
import type { Call, Content, ExchangeRow, Observation } from '../../schemas/call.ts';
import type { ToolExecution } from '../../schemas/tool-execution.ts';
import type { ConnectionId } from '../common/types.ts';
import type { BodyConsumer, Exchange, ExchangeEnd, Message } from '../http/exchange.ts';
import { IDENTITY_DEFAULTS } from '../identity/mapping.ts';
import { LLM_DEFAULTS } from './defaults.ts';
import { CallRecognizer, type RecognizerOptions } from './recognizer.ts';

/** A piece of a response body with its time in µs after the request's start; or a hole of so many bytes. */
export type Piece = readonly [micros: number, body: string | Buffer] | { readonly gap: number };

export interface Script {
  readonly method?: string;
  readonly path?: string;
  readonly requestHeaders?: Readonly<Record<string, string>>;
  /** A string goes as it is, anything else as JSON; null: the request was never seen. */
  readonly request?: unknown;
  readonly requestPieces?: readonly Piece[];
  /** 0: no response. */
  readonly status?: number;
  readonly responseHeaders?: Readonly<Record<string, string>>;
  readonly response?: readonly Piece[];
  readonly end?: ExchangeEnd;
  /** Overrides of what the HTTP layer would say at the end. */
  readonly requestState?: Message['state'];
  readonly responseState?: Message['state'];
}

export const START = 1_760_000_000_000_000;
/** When the request's last byte comes, after its start. */
export const REQUEST_MICROS = 1000;

export const TEST_OPTIONS: RecognizerOptions = {
  identity: IDENTITY_DEFAULTS,
  exchanges: true,
  content: true,
  pricing: true,
  limits: LLM_DEFAULTS,
};

let offset = 0;

function message(): Message {
  return { state: 'none', bodyBytes: 0, missingBytes: 0, start: null, bodyStart: null, end: null, undecoded: '' };
}

/** An exchange that has its request's head, and nothing else yet. */
export function newExchange(script: Script): Exchange {
  const headers = new Map(
    Object.entries({ host: 'api.test', 'content-type': 'application/json', ...script.requestHeaders }),
  );
  const path = script.path ?? '/v1/messages';
  return {
    connection: {
      id: '0123456789abcdef0123456789abcdef' as ConnectionId,
      network: '',
      client: { address: '10.0.0.1', port: 40000 },
      server: { address: '10.0.0.2', port: 80 },
      origin: 'packets',
      probe: 'test',
      process: null,
      labels: {},
    },
    offset: offset++,
    requestHead:
      script.request === null
        ? null
        : {
            method: script.method ?? 'POST',
            target: path,
            path,
            version: '1.1',
            headers,
            credential: null,
            partial: false,
          },
    responseHead: null,
    request: message(),
    response: message(),
    interim: [],
    end: null,
    uncertain: false,
    upgrade: null,
    grpc: null,
  };
}

function play(side: Message, consumer: BodyConsumer | null, pieces: readonly Piece[]): void {
  for (const piece of pieces) {
    if ('gap' in piece) {
      side.missingBytes += piece.gap;
      consumer?.gap(piece.gap);
      continue;
    }
    const bytes = Buffer.from(piece[1] as string);
    side.bodyBytes += bytes.length;
    side.end = START + piece[0];
    consumer?.data(bytes, START + piece[0]);
    // A body's bytes are only valid during the call.
    bytes.fill(0x23);
  }
}

function requestPieces(script: Script): readonly Piece[] {
  if (script.requestPieces !== undefined) return script.requestPieces;
  const { request } = script;
  if (request === undefined || request === null) return [];
  return [[REQUEST_MICROS, typeof request === 'string' ? request : JSON.stringify(request)]];
}

/** Runs one exchange through the recogniser and returns it as it was at its end. */
export function run(recognizer: CallRecognizer, script: Script): Exchange {
  const exchange = newExchange(script);
  if (exchange.requestHead !== null) {
    exchange.request.start = START;
    exchange.request.end = START;
    const consumer = recognizer.onRequest(exchange);
    play(exchange.request, consumer, requestPieces(script));
    exchange.request.state = script.requestState ?? 'complete';
    recognizer.onRequestEnd(exchange);
  }
  const status = script.status ?? 200;
  if (status !== 0) {
    exchange.responseHead = {
      status,
      version: '1.1',
      partial: false,
      headers: new Map(Object.entries({ 'content-type': 'application/json', ...script.responseHeaders })),
    };
    exchange.response.start = START + REQUEST_MICROS + 500;
    exchange.response.end = exchange.response.start;
    play(exchange.response, recognizer.onResponse(exchange), script.response ?? []);
    exchange.response.state = script.responseState ?? 'complete';
  }
  exchange.end = script.end ?? 'complete';
  recognizer.onEnd(exchange);
  return exchange;
}

export interface Observed {
  readonly calls: readonly Call[];
  readonly exchanges: readonly ExchangeRow[];
  readonly executions: readonly ToolExecution[];
  readonly contents: readonly Content[];
}

export function observe(scripts: readonly Script[], options: RecognizerOptions = TEST_OPTIONS): Observed {
  const seen: Observation[] = [];
  const recognizer = new CallRecognizer(options, (observation) => seen.push(observation));
  for (const script of scripts) run(recognizer, script);
  return {
    calls: seen.flatMap((one) => (one.type === 'call' ? [one.call] : [])),
    exchanges: seen.flatMap((one) => (one.type === 'exchange' ? [one.exchange] : [])),
    executions: seen.flatMap((one) => (one.type === 'tool_execution' ? [one.execution] : [])),
    contents: seen.flatMap((one) => (one.type === 'exchange' ? [] : one.contents)),
  };
}

/** The only call of one exchange. */
export function observeCall(script: Script, options: RecognizerOptions = TEST_OPTIONS): Call {
  const { calls } = observe([script], options);
  if (calls.length !== 1) throw new Error(`one call expected, ${calls.length} observed`);
  return calls[0]!;
}

/** Events as an SSE body: each is one piece, `stepMicros` apart. */
export function sse(
  events: readonly (readonly [type: string, data: unknown])[],
  firstMicros = 10_000,
  stepMicros = 1000,
): Piece[] {
  return events.map(([type, data], i) => {
    const text = typeof data === 'string' ? data : JSON.stringify(data);
    return [firstMicros + i * stepMicros, `${type === '' ? '' : `event: ${type}\n`}data: ${text}\n\n`] as const;
  });
}

export const EVENT_STREAM = { 'content-type': 'text/event-stream' } as const;
