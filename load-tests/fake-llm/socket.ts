/**
 * The fake server's WebSocket side: Responses (`/v1/responses`) from the same script as over HTTP, one response at a time; and
 * Realtime (`/v1/realtime`), see realtime.ts.
 */
import type { EventEmitter } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';
import { openaiResponses } from '../dialects/openai-responses.ts';
import { RealtimeSession } from './realtime.ts';
import { cutWords, makeReply } from './reply.ts';
import { FAKE_LLM_DEFAULTS, type Scenario, type Script } from './scenario.ts';
import { readRequest, type SeenRequest } from './seen-request.ts';
import type { SocketServed } from './served.ts';
import { sendEvent } from './socket-event.ts';
import { acceptSocket } from './stream-socket.ts';

/** permessage-deflate as the server offers it; false: never. */
export type FakeDeflate =
  | false
  | {
      readonly serverNoContextTakeover?: boolean;
      readonly clientNoContextTakeover?: boolean;
      readonly serverMaxWindowBits?: number;
      /** Shorter messages aren't compressed. */
      readonly threshold?: number;
    };

export interface FakeSockets {
  /** Everything that was asked for over WebSocket, in order. */
  readonly served: readonly SocketServed[];
  close(): void;
}

type Json = Readonly<Record<string, unknown>>;
type Answering = Extract<Scenario, { kind: 'answer' | 'abort' | 'stream_failure' }>;

class ResponsesConnection {
  readonly #socket: WebSocket;
  readonly #headers: IncomingHttpHeaders;
  readonly #script: Script;
  readonly #served: SocketServed[];
  #queue: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, headers: IncomingHttpHeaders, script: Script, served: SocketServed[]) {
    this.#socket = socket;
    this.#headers = headers;
    this.#script = script;
    this.#served = served;
    socket.on('message', (data) => this.#message(String(data)));
  }

  #message(text: string): void {
    const body = JSON.parse(text) as Json;
    if (body.type !== 'response.create') return;
    const request = readRequest('openai.responses', '/v1/responses', body, this.#headers);
    const isPrewarm = body.generate === false;
    const count = this.#served.length;
    const served: SocketServed = {
      ...{ dialect: 'openai.responses', requestBody: text, request, isPrewarm, reply: null },
      ...{ previousResponseId: String(body.previous_response_id ?? ''), errorType: '', events: [], end: 'open' },
    };
    this.#served.push(served);
    this.#queue = this.#queue.then(() => this.#answer(request, served, count, isPrewarm));
  }

  async #answer(request: SeenRequest, served: SocketServed, count: number, isPrewarm: boolean): Promise<void> {
    const scenario: Scenario = isPrewarm ? { kind: 'answer', answer: {} } : this.#script(request, 0);
    if (scenario.kind === 'hang') return;
    if (scenario.kind === 'failure') {
      const error = { type: scenario.failure, code: scenario.failure, message: scenario.message };
      served.errorType = scenario.failure;
      served.end = 'failed';
      sendEvent(this.#socket, served, JSON.stringify({ type: 'error', status: 429, error }), false);
      return;
    }
    served.reply = makeReply(request, scenario.answer, count);
    await this.#stream(scenario, served);
  }

  async #stream(scenario: Answering, served: SocketServed): Promise<void> {
    const all = openaiResponses.events(served.reply!, cutWords);
    const events = scenario.kind === 'answer' ? [...all] : all.slice(0, scenario.events);
    if (scenario.kind === 'stream_failure') {
      const failure = openaiResponses.streamFailure(scenario.message);
      served.errorType = failure.errorType;
      events.push(failure.event);
    }
    const gapMs = scenario.kind === 'answer' ? (scenario.eventGapMs ?? 1) : FAKE_LLM_DEFAULTS.eventGapMs;
    for (const each of events) {
      await sleep(gapMs);
      if (this.#socket.readyState !== this.#socket.OPEN) return;
      sendEvent(this.#socket, served, each.data, each.token);
    }
    served.end = scenario.kind === 'answer' ? 'complete' : scenario.kind === 'abort' ? 'aborted' : 'failed';
    if (scenario.kind === 'abort') this.#socket.terminate();
  }
}

/** Takes the upgrades of `server`, or the extended CONNECTs of one that speaks HTTP/2. */
export function serveSockets(server: EventEmitter, script: Script, deflate: FakeDeflate, http2: boolean): FakeSockets {
  const served: SocketServed[] = [];
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: deflate });
  const streams = new Set<WebSocket>();
  const serve = (socket: WebSocket, target: string, headers: IncomingHttpHeaders): void => {
    const { pathname, searchParams } = new URL(target, 'http://fake');
    const model = searchParams.get('model') ?? '';
    if (pathname.endsWith('/responses')) new ResponsesConnection(socket, headers, script, served);
    else if (pathname.endsWith('/realtime'))
      new RealtimeSession(socket, model, served, headers['openai-beta'] === 'realtime=v1');
    else socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  };
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    sockets.handleUpgrade(request, stream, head, (socket) => serve(socket, request.url ?? '/', request.headers));
  });
  // Of HTTP/1 nobody listens to it here, so that its server refuses.
  if (http2)
    server.on('connect', ({ stream, headers }: Http2ServerRequest) => {
      const socket = acceptSocket(stream, headers, deflate);
      streams.add(socket);
      socket.on('close', () => streams.delete(socket));
      serve(socket, String(headers[':path'] ?? '/'), headers);
    });
  return {
    served,
    close: () => {
      for (const client of [...sockets.clients, ...streams]) client.terminate();
      sockets.close();
    },
  };
}
