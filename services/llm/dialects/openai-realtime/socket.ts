/**
 * Realtime over WebSocket (`/v1/realtime?model=…`): the client adds items and audio to a conversation that the server keeps,
 * and asks for responses by `response.create`; the server may also answer by itself when it hears the end of speech. All
 * events of a response name it, so that several may be going on.
 */
import type { Side } from '../../../../schemas/frame.ts';
import { asObject, asString, type JsonObject } from '../../../common/json.ts';
import { carriedResponse, eventMembers, eventType, memberText } from '../../socket/event.ts';
import type { ClientStep, Conversation, ServerStep, SocketApi } from '../dialect.ts';
import { type AudioRates, base64Bytes, milliseconds, ratesOf } from './audio.ts';
import { Turn } from './turn.ts';

/** `…/realtime` alone; sessions, secrets and calls below it are made over HTTP. */
const PATH = /\/realtime$/;
const SERVER_TYPE = /^(session|conversation|input_audio_buffer|output_audio_buffer|response|rate_limits)\./;
const CLIENT_TYPE = /^(session\.update$|conversation\.item\.|input_audio_buffer\.)/;
const NONE: ClientStep = { kind: 'none' };
const CREATE = { kind: 'create', prewarm: false } as const;
const OTHER = { isOfResponse: false, response: '', lane: '', begins: false, ends: false };
const OF_RESPONSE = { ...OTHER, isOfResponse: true };
/** A session's description that is longer isn't kept, in bytes. */
const SESSION_BYTES_MAX = 32 * 1024;

/** What a successor must know between two responses. */
interface Memory {
  readonly session: JsonObject;
  /** Audio that was sent and isn't part of an item yet. */
  readonly audioBytes: number;
}

/** The lane of a response that hasn't begun is the id that the client gave its event. */
function eventId(message: Buffer): string {
  return asString(eventMembers(message, ['event_id']).event_id);
}

/** An error ends the response that it refuses: one whose event it names, or the one that waits when another goes on. */
function refusal(message: Buffer): ServerStep {
  const error = asObject(eventMembers(message, ['error']).error);
  const lane = asString(error?.event_id);
  const refuses = lane !== '' || asString(error?.code) === 'conversation_already_has_active_response';
  return { ...OTHER, isOfResponse: refuses, lane, ends: refuses, event: message };
}

class RealtimeConversation implements Conversation {
  readonly #target: string;
  readonly #turn = new Turn();
  #session: JsonObject;
  #rates: AudioRates;
  #audioBytes: number;

  constructor(target: string, memory: Memory | null) {
    this.#target = target;
    this.#session = memory?.session ?? {};
    this.#rates = ratesOf(this.#session);
    this.#audioBytes = memory?.audioBytes ?? 0;
  }

  get pending(): boolean {
    return this.#turn.pending;
  }

  get heldBytes(): number {
    return this.#turn.chars;
  }

  get memory(): Memory {
    return { session: this.#session, audioBytes: this.#audioBytes };
  }

  client(message: Buffer): ClientStep {
    switch (eventType(message)) {
      case 'response.create':
        return { ...CREATE, lane: eventId(message), body: this.#take(memberText(message, 'response')) };
      case 'conversation.item.create':
        this.#turn.item(message, this.#rates);
        return NONE;
      case 'input_audio_buffer.append':
        this.#audioBytes += base64Bytes(memberText(message, 'audio'));
        return NONE;
      case 'input_audio_buffer.clear':
        this.#audioBytes = 0;
        return NONE;
      default:
        return NONE;
    }
  }

  server(message: Buffer): ServerStep {
    const type = eventType(message);
    if (type === 'session.created' || type === 'session.updated') this.#describe(message);
    else if (type === 'input_audio_buffer.committed') this.#commit();
    if (type === 'error') return refusal(message);
    if (!type.startsWith('response.')) return { ...OTHER, event: message };
    if (type === 'response.created' || type === 'response.done') {
      const begins = type === 'response.created';
      const event = begins ? this.#withModel(message) : message;
      return { ...OF_RESPONSE, response: carriedResponse(message), begins, ends: !begins, event };
    }
    const { response_id: id } = eventMembers(message, ['response_id']);
    const isAudio = type === 'response.audio.delta' || type === 'response.output_audio.delta';
    return { ...OF_RESPONSE, response: asString(id), event: isAudio ? this.#sized(message) : message };
  }

  unasked(): Buffer {
    return this.#take('');
  }

  forget(): void {
    this.#turn.forget();
  }

  #take(response: string): Buffer {
    return this.#turn.take(this.#session, this.#model, response);
  }

  get #model(): string {
    const query = this.#target.indexOf('?');
    const asked = new URLSearchParams(query < 0 ? '' : this.#target.slice(query));
    // Azure names its deployment.
    return asString(this.#session.model) || (asked.get('model') ?? asked.get('deployment') ?? '');
  }

  #describe(message: Buffer): void {
    if (message.length > SESSION_BYTES_MAX) return;
    this.#session = asObject(eventMembers(message, ['session']).session) ?? this.#session;
    this.#rates = ratesOf(this.#session);
  }

  /** What was heard so far is an item now. */
  #commit(): void {
    this.#turn.audio(this.#audioBytes, this.#rates);
    this.#audioBytes = 0;
  }

  /** A response doesn't name its model, the session does. */
  #withModel(message: Buffer): Buffer {
    const text = message.toString('utf8').trimStart();
    return Buffer.from(`{"model":${JSON.stringify(this.#model)},${text.slice(1)}`);
  }

  /** An event with the audio's size in the place of the audio. */
  #sized(message: Buffer): Buffer {
    const bytes = base64Bytes(memberText(message, 'delta'));
    const { delta: _delta, ...rest } = eventMembers(message, ['type', 'output_index', 'content_index']);
    const sized = { ...rest, audio_bytes: bytes, audio_ms: milliseconds(bytes, this.#rates.output) };
    return Buffer.from(JSON.stringify(sized));
  }
}

/** The server numbers its events by `event_id`; those of Responses have other numbers. */
function isMessage(side: Side, message: Buffer): boolean {
  const type = eventType(message);
  if (side === 'server') return SERVER_TYPE.test(type) && eventId(message) !== '';
  if (type !== 'response.create') return CLIENT_TYPE.test(type);
  const { model, input } = eventMembers(message, ['model', 'input']);
  return model === undefined && input === undefined;
}

export const socket: SocketApi = {
  isPath: (path) => PATH.test(path),
  isMessage,
  sequential: false,
  open: (target, memory) => new RealtimeConversation(target, memory as Memory | null),
};
