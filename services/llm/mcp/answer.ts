/**
 * The answers to JSON-RPC requests in one HTTP response: one JSON value, a list of them, or a stream of events with one message
 * each, among which the server's notifications (progress, logs) and requests of its own come as well.
 *
 *     {"jsonrpc":"2.0","id":3,"result":{"content":[…],"isError":false}}
 *     {"jsonrpc":"2.0","id":3,"error":{"code":-32602,"message":"…"}}
 */

import { asArray, asObject, type JsonObject, parseJson } from '../../common/json.ts';
import type { Micros } from '../../common/types.ts';
import { BodyCollector } from '../../http/body.ts';
import { SseParser } from '../../http/sse.ts';
import type { LlmLimits } from '../defaults.ts';
import type { AnswerBytes } from '../open-call.ts';

export interface RpcAnswer {
  /** The whole message. */
  readonly message: JsonObject;
  /** Of the bytes that completed it. */
  readonly time: Micros;
}

export class RpcAnswers implements AnswerBytes {
  /** By the JSON text of the id. */
  readonly answers = new Map<string, RpcAnswer>();
  /** Messages of the server that are no answers. */
  notifications = 0;
  /** One of our limits cut it. */
  cut = false;
  readonly #wanted: ReadonlySet<string>;
  readonly #events: SseParser | null;
  readonly #body: BodyCollector | null;
  readonly #bytesMax: number;
  #bytes = 0;
  #time: Micros = 0;

  /** `wanted`: the ids whose answers are kept, as JSON text. */
  constructor(wanted: ReadonlySet<string>, contentType: string, contentLength: number, limits: LlmLimits) {
    const { eventBytesMax, responseBytesMax, hintBytesMax } = limits;
    const streams = contentType.includes('event-stream');
    this.#wanted = wanted;
    this.#bytesMax = responseBytesMax;
    const sseLimits = { lineBytesMax: eventBytesMax, eventCharactersMax: eventBytesMax };
    this.#events = streams ? new SseParser((_type, data, time) => this.#text(data, time), sseLimits) : null;
    this.#body = streams ? null : new BodyCollector({ bodyBytesMax: responseBytesMax, hintBytesMax }, contentLength);
  }

  get heldBytes(): number {
    return this.#bytes + (this.#events?.heldBytes ?? this.#body?.heldBytes ?? 0);
  }

  data(bytes: Buffer, time: Micros): void {
    if (this.cut) return;
    this.#time = time;
    if (this.#events !== null) this.#events.data(bytes, time);
    else this.#body!.data(bytes);
  }

  gap(missing: number): void {
    if (this.#events !== null) this.#events.gap();
    else this.#body!.gap(missing);
  }

  drop(): void {
    this.answers.clear();
    this.#bytes = 0;
    this.cut = true;
  }

  /** Call once, when nothing more comes. */
  finish(): void {
    this.#events?.end(this.#time);
    const body = this.#body;
    if (body === null || this.cut) return;
    if (body.droppedBytes > 0) this.cut = true;
    else if (body.gapCount === 0) this.#text(body.bytes.toString('utf8'), this.#time);
  }

  #text(text: string, time: Micros): void {
    const json = parseJson(text);
    for (const item of Array.isArray(json) ? asArray(json) : [json]) {
      const message = asObject(item);
      if (message?.jsonrpc !== '2.0') continue;
      const id = JSON.stringify(message.id) ?? '';
      if (typeof message.method === 'string') this.notifications++;
      else if (this.#wanted.has(id) && !this.answers.has(id)) this.#keep(id, message, text.length, time);
    }
  }

  #keep(id: string, message: JsonObject, characters: number, time: Micros): void {
    this.#bytes += characters;
    if (this.#bytes > this.#bytesMax) this.cut = true;
    else this.answers.set(id, { message, time });
  }
}
