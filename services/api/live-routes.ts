/** GET /api/v1/events: calls, turns and findings as they are stored, as server-sent events (html.spec.whatwg.org, section 9.2). */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Store } from '../clickhouse/store.ts';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure, fromStore } from './failure.ts';
import { Live, type LiveEvent } from './live.ts';
import { described } from './openapi.ts';
import { PARAM } from './params.ts';

const EVENTS_QUERY = z.strictObject({
  type: z.enum(['call', 'turn', 'finding'], 'must be call, turn or finding').optional(),
  agentId: PARAM.text().optional(),
});

type EventsQuery = z.infer<typeof EVENTS_QUERY>;

const EVENTS = described({
  summary:
    'Calls, turns and findings as they are stored: events call, turn, finding, whose data is a row as in the lists; gap: read the lists again; dropped: this reader was too slow. Goes on after Last-Event-ID.',
  query: EVENTS_QUERY,
  type: 'text/event-stream',
});

const BEAT = Buffer.from(':\n\n');

/** Writes events to one reader; a reader that doesn't keep up is told so and dropped. */
class Stream {
  readonly #response: ServerResponse;
  readonly #query: EventsQuery;
  readonly #beat: NodeJS.Timeout;
  #dropped = false;

  constructor(response: ServerResponse, query: EventsQuery) {
    this.#response = response;
    this.#query = query;
    this.#beat = setInterval(() => this.#write(BEAT), API_DEFAULTS.liveBeatMs);
    response.on('close', () => clearInterval(this.#beat));
  }

  take(event: LiveEvent): void {
    const { type, agentId } = this.#query;
    if (event.type !== 'gap') {
      if (type !== undefined && type !== event.type) return;
      if (agentId !== undefined && agentId !== event.agentId) return;
    }
    this.#write(event.bytes);
  }

  #write(bytes: Buffer): void {
    if (this.#dropped || this.#response.destroyed) return;
    if (this.#response.writableLength + bytes.length <= API_DEFAULTS.liveBufferBytesMax) {
      this.#response.write(bytes);
      return;
    }
    this.#dropped = true;
    const data = JSON.stringify({ code: 'too_slow', message: 'This reader is too slow: go on after the last event.' });
    this.#response.end(`event: dropped\ndata: ${data}\n\n`);
    setTimeout(() => this.#response.destroy(), API_DEFAULTS.liveDropMs).unref();
  }
}

export function addLiveRoutes(app: FastifyInstance, store: Store): void {
  const live = new Live(store);
  let streams = 0;
  app.addHook('onClose', async () => live.close());
  app.get<{ Querystring: EventsQuery }>(
    '/api/v1/events',
    { ...EVENTS, exposeHeadRoute: false },
    async (request, reply) => {
      if (streams >= API_DEFAULTS.streamsMax)
        throw new ApiFailure('too_many_streams', `There are ${API_DEFAULTS.streamsMax} streams already.`);
      const lastId = request.headers['last-event-id'];
      const response = reply.raw;
      streams++;
      let end = (): unknown => undefined;
      response.on('close', () => {
        streams--;
        end();
      });
      let stream: Stream | null = null;
      const early: LiveEvent[] = [];
      const listener = { take: (event: LiveEvent) => (stream === null ? early.push(event) : stream.take(event)) };
      end = await fromStore(live.listen(listener, typeof lastId === 'string' ? lastId : null));
      reply.hijack();
      response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
      response.write('retry: 2000\n\n');
      stream = new Stream(response, request.query);
      for (const event of early) stream.take(event);
      // It went while the store was asked.
      if (response.destroyed) end();
    },
  );
}
