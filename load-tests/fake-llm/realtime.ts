/**
 * A realtime session from a fixed script: each response answers with a transcript and made-up audio, in the beta's words when
 * the client asked for `openai-beta: realtime=v1`, else in the general form's. A user item `use the tool` gets a function call; the
 * end of committed audio is answered unasked, as server-side voice detection does.
 */
import type { WebSocket } from 'ws';
import type { SocketServed } from './served.ts';
import { sendEvent } from './socket-event.ts';

type Json = Readonly<Record<string, unknown>>;

/** 100 ms of 24 kHz PCM. */
const AUDIO = Buffer.alloc(4800, 7).toString('base64');
const CHUNKS = 3;

function textOf(items: readonly Json[]): string {
  const parts = items.flatMap((item) => (item.content as readonly Json[] | undefined) ?? []);
  return parts.map((part) => String(part.text ?? '')).join(' ');
}

export class RealtimeSession {
  readonly #socket: WebSocket;
  readonly #beta: boolean;
  readonly #served: SocketServed[];
  #session: Json;
  #items: Json[] = [];
  #events = 0;

  constructor(socket: WebSocket, model: string, served: SocketServed[], beta = false) {
    this.#socket = socket;
    this.#beta = beta;
    this.#served = served;
    const shape = beta
      ? { modalities: ['text', 'audio'], input_audio_format: 'pcm16', output_audio_format: 'pcm16' }
      : {
          type: 'realtime',
          output_modalities: ['audio'],
          audio: { output: { format: { type: 'audio/pcm', rate: 24_000 } } },
        };
    this.#session = { id: 'sess_1', object: 'realtime.session', model, instructions: 'Be brief.', tools: [], ...shape };
    socket.on('message', (data) => this.#message(JSON.parse(String(data)) as Json));
    this.#tell('session.created', { session: this.#session });
  }

  #tell(type: string, fields: Json, served: SocketServed | null = null, token = false): void {
    const data = JSON.stringify({ type, event_id: `event_${this.#events++}`, ...fields });
    if (served === null) this.#socket.send(data);
    else sendEvent(this.#socket, served, data, token);
  }

  #message(event: Json): void {
    if (event.type === 'session.update') {
      this.#session = { ...this.#session, ...(event.session as Json) };
      this.#tell('session.updated', { session: this.#session });
    } else if (event.type === 'conversation.item.create') {
      this.#items.push(event.item as Json);
      this.#tell(this.#beta ? 'conversation.item.created' : 'conversation.item.added', { item: event.item });
    } else if (event.type === 'input_audio_buffer.commit') {
      this.#tell('input_audio_buffer.committed', { item_id: 'item_audio' });
      this.#respond('');
    } else if (event.type === 'response.create') this.#respond(JSON.stringify(event));
  }

  #respond(requestBody: string): void {
    const text = textOf(this.#items);
    this.#items = [];
    const count = this.#served.length;
    const served: SocketServed = {
      ...{ dialect: 'openai.realtime', requestBody, request: null, isPrewarm: false, reply: null },
      ...{ previousResponseId: '', errorType: '', events: [], end: 'open', realtimeId: `resp_rt_${count}` },
    };
    this.#served.push(served);
    const call = {
      id: 'item_call',
      type: 'function_call',
      call_id: `call_rt_${count}`,
      name: 'clock',
      arguments: '{"zone":"UTC"}',
    };
    const audio = this.#beta ? 'audio' : 'output_audio';
    const told = `You said ${text}.`;
    const message = {
      id: 'item_answer',
      type: 'message',
      role: 'assistant',
      content: [{ type: audio, transcript: told }],
    };
    const item: Json = text.includes('use the tool') ? call : message;
    this.#stream(served, item, told, audio);
  }

  #stream(served: SocketServed, item: Json, told: string, audio: string): void {
    const id = served.realtimeId!;
    const response = { object: 'realtime.response', id, status: 'in_progress', output: [], usage: null };
    const at = { response_id: id, item_id: item.id, output_index: 0 };
    this.#tell('response.created', { response }, served);
    this.#tell('response.output_item.added', { ...at, item: { ...item, content: [], arguments: '' } }, served);
    if (item.type === 'function_call')
      this.#tell('response.function_call_arguments.delta', { ...at, delta: item.arguments }, served, true);
    else {
      for (const word of told.split(/(?= )/)) {
        this.#tell(`response.${audio}_transcript.delta`, { ...at, content_index: 0, delta: word }, served, true);
      }
      for (let n = 0; n < CHUNKS; n++) {
        this.#tell(`response.${audio}.delta`, { ...at, content_index: 0, delta: AUDIO }, served, true);
      }
    }
    this.#tell('response.output_item.done', { ...at, item }, served);
    const usage = {
      ...{ total_tokens: 150, input_tokens: 120, output_tokens: 30 },
      input_token_details: { text_tokens: 100, audio_tokens: 20, cached_tokens: 64 },
      output_token_details: { text_tokens: 10, audio_tokens: 20 },
    };
    served.end = 'complete';
    this.#tell('response.done', { response: { ...response, status: 'completed', output: [item], usage } }, served);
  }
}
