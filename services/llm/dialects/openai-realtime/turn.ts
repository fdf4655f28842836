/**
 * What the client sent since the last response: over this API a request has no message that holds it. It is put together as
 *
 *     { "type": "response.create", "session": id, "model": …, "instructions": …, "tools": [ … ], "max_output_tokens": …,
 *       "response": what `response.create` said, "input": [ the items, as they were sent, audio by its size ] }
 *
 * with what the server last said of its session. Absent members weren't told.
 */
import { asArray, asObject, asString, type JsonObject, parseJson } from '../../../common/json.ts';
import { memberText } from '../../socket/event.ts';
import { type AudioRates, base64Bytes, milliseconds } from './audio.ts';

/** Items of one turn, in number and in characters of their JSON; the rest is left out and counted. */
const ITEMS_MAX = 1000;
const ITEM_CHARS_MAX = 1024 * 1024;
const TOLD = ['model', 'instructions', 'tools', 'temperature', 'max_output_tokens', 'max_response_output_tokens'];

/** An item without its audio. */
function withoutAudio(text: string, rate: number): string {
  if (!text.includes('"audio"')) return text;
  const item = asObject(parseJson(text));
  if (item === null || !Array.isArray(item.content)) return text;
  const content = asArray(item.content).map((entry) => {
    const part = asObject(entry);
    if (part === null || typeof part.audio !== 'string') return entry;
    const { audio, ...rest } = part;
    return { ...rest, ...audioSize(base64Bytes(JSON.stringify(audio)), rate) };
  });
  return JSON.stringify({ ...item, content });
}

export function audioSize(bytes: number, rate: number): JsonObject {
  return { audio_bytes: bytes, audio_ms: milliseconds(bytes, rate) };
}

export class Turn {
  #items: string[] = [];
  #chars = 0;
  #leftOut = 0;

  get pending(): boolean {
    return this.#items.length > 0;
  }

  get chars(): number {
    return this.#chars;
  }

  /** `message`: a `conversation.item.create`. */
  item(message: Buffer, rates: AudioRates): void {
    const text = memberText(message, 'item');
    if (text !== '') this.#add(withoutAudio(text, rates.input));
  }

  audio(bytes: number, rates: AudioRates): void {
    this.#add(JSON.stringify({ type: 'input_audio', ...audioSize(bytes, rates.input) }));
  }

  forget(): void {
    this.#items = [];
    this.#chars = 0;
    this.#leftOut = 0;
  }

  #add(text: string): void {
    if (this.#items.length >= ITEMS_MAX || this.#chars + text.length > ITEM_CHARS_MAX) this.#leftOut++;
    else {
      this.#items.push(text);
      this.#chars += text.length;
    }
  }

  /** `response`: text of what `response.create` said; '' = nothing. The next turn begins. */
  take(session: JsonObject, model: string, response: string): Buffer {
    const head: Record<string, unknown> = { type: 'response.create', model };
    if (asString(session.id) !== '') head.session = session.id;
    for (const name of TOLD) if (session[name] != null) head[name] = session[name];
    if (this.#leftOut > 0) head.input_left_out = this.#leftOut;
    const parts = [JSON.stringify(head).slice(0, -1)];
    if (response !== '') parts.push(`"response":${response}`);
    parts.push(`"input":[${this.#items.join(',')}]}`);
    this.forget();
    return Buffer.from(parts.join(','));
  }
}
